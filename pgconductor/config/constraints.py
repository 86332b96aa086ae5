"""Limits of a type, written as a call: `int(ge=0)`, `list[str](max_length=5)`."""

from __future__ import annotations

from typing import get_args

from pydantic_core import SchemaError, SchemaValidator, core_schema

from pgconductor.config.codes import CONSTRAINT, TYPE_SYNTAX
from pgconductor.config.literals import constant
from pgconductor.config.suggestion import did_you_mean, listed
from pgconductor.config.tokens import ExpressionError, Token, Tokens
from pgconductor.config.types import Constrained, ConstraintName, Generic, Scalar, TypeExpr

NAMES: dict[str, ConstraintName] = {name: name for name in get_args(ConstraintName)}

_ORDER = ("gt", "ge", "lt", "le", "multiple_of")
_LENGTH = ("min_length", "max_length")
_ALLOWED: dict[str, tuple[str, ...]] = {
    "int": _ORDER,
    "float": _ORDER,
    "decimal": _ORDER,
    "str": (*_LENGTH, "pattern"),
    "email": _LENGTH,
    "bytes": _LENGTH,
    "list": _LENGTH,
    "set": _LENGTH,
    "tuple": _LENGTH,
    "dict": _LENGTH,
}
_PATTERN_HELP = "look-around and back-references are not supported; are all brackets closed?"
# Pairs of a lower and an upper limit, and whether both may be equal.
_BOUNDS = (("ge", "le", True), ("gt", "lt", False), ("ge", "lt", False), ("gt", "le", False), (*_LENGTH, True))


def allowed(expr: TypeExpr) -> tuple[str, ...]:
    """The constraints that a type takes."""
    match expr:
        case Scalar(name) | Generic(name):
            return _ALLOWED.get(name, ())
        case _:
            return ()


class Constraints:
    """Reads what stands in the parentheses after a type.

    Args:
        expr: the type before them.
        named: its first token.
        bracket: the opening one, already taken.
    """

    def __init__(self, tokens: Tokens, expr: TypeExpr, named: Token, bracket: Token) -> None:
        self.tokens = tokens
        self.expr = expr
        self.named = named
        self.bracket = bracket
        self.found: dict[ConstraintName, int | float | str] = {}

    def read(self) -> Constrained:
        if not isinstance(self.expr, Scalar | Generic) or not allowed(self.expr):
            message = f"`{self.expr}` takes no constraints"
            raise ExpressionError(CONSTRAINT, message, self.bracket.start, self.bracket.end)
        while not self.found or self.tokens.take_if(","):
            self.one()
        closing = self.tokens.expect(")", self.bracket)
        self.check_bounds(closing)
        return Constrained(self.expr, tuple(self.found.items()))

    def one(self) -> None:
        token = self.tokens.next
        if token.kind != "name":
            message = "constraints are keywords" if token.kind in ("number", "string") else "a constraint is missing"
            start = token.start if token.kind != "end" else self.bracket.start
            raise ExpressionError(
                TYPE_SYNTAX, message, start, max(token.end, start + 1), "write for example `int(ge=0)`"
            )
        name = self.name(self.tokens.take())
        self.tokens.expect("=")
        start = self.tokens.next.start
        value = constant(self.tokens)
        end = self.tokens.tokens[self.tokens.index - 1].end
        self.found[name] = _checked(name, value, start, end)

    def name(self, token: Token) -> ConstraintName:
        usable = allowed(self.expr)
        if token.text not in NAMES:
            help = did_you_mean(token.text, usable, f"`{self.expr}` takes {listed(usable)}")
            raise ExpressionError(CONSTRAINT, f"unknown constraint `{token.text}`", token.start, token.end, help)
        if token.text not in usable:
            message = f"`{self.expr}` does not take `{token.text}`"
            raise ExpressionError(CONSTRAINT, message, token.start, token.end, f"it takes {listed(usable)}")
        name = NAMES[token.text]
        if name in self.found:
            raise ExpressionError(CONSTRAINT, f"`{name}` is given twice", token.start, token.end)
        return name

    def check_bounds(self, closing: Token) -> None:
        """No value lies between limits that are the wrong way round."""
        limits = {name: value for name, value in self.found.items() if isinstance(value, int | float)}
        for lower, upper, may_equal in _BOUNDS:
            low, high = limits.get(NAMES[lower]), limits.get(NAMES[upper])
            if low is not None and high is not None and (low > high or (low == high and not may_equal)):
                message = f"no value is within `{lower}={low}` and `{upper}={high}`"
                raise ExpressionError(CONSTRAINT, message, self.bracket.start, closing.end)


def _checked(name: ConstraintName, value: str | float | bool, start: int, end: int) -> int | float | str:
    if reason := wrong(name, value):
        help = _PATTERN_HELP if name == "pattern" and isinstance(value, str) else None
        raise ExpressionError(CONSTRAINT, reason, start, end, help)
    return value


def wrong(name: ConstraintName, value: object) -> str | None:
    """Why a constraint cannot have a value; None if it can."""
    if name == "pattern":
        if not isinstance(value, str):
            return "`pattern` takes a regular expression in quotes"
        return None if _is_pattern(value) else "not a regular expression that pydantic can use"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"`{name}` takes a number"
    if name in _LENGTH and not (isinstance(value, int) and 0 <= value < 2**31):
        return f"`{name}` takes a whole number, 0 or greater"
    if name == "multiple_of" and value <= 0:
        return "`multiple_of` takes a number greater than 0"
    return None


def _is_pattern(value: str) -> bool:
    try:
        SchemaValidator(core_schema.str_schema(pattern=value))
    except SchemaError:
        return False
    return True
