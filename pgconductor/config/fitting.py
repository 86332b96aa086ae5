"""Whether a constant of a condition can ever equal a value of a type."""

from __future__ import annotations

from pgconductor.config.suggestion import did_you_mean, listed
from pgconductor.config.types import Constrained, Generic, LiteralType, Scalar, Shared, TypeExpr, Union

_NUMBERS = ("int", "float", "decimal")
_OPEN = ("json", "any")


def misfit(expr: TypeExpr, value: str | float | bool, *, values: bool = True) -> str | None:
    """Why a constant cannot be a value of the type; None if it can, or if nobody knows.

    Args:
        values: False to look at kinds only and let any text pass for a `Literal` that has texts.

    >>> misfit(Scalar("int"), "5")
    'write a number, without quotes'
    """
    match expr:
        case Constrained(base):
            return misfit(base, value, values=values)
        case Union(members):
            reasons = [misfit(member, value, values=values) for member in members]
            return None if None in reasons else next(reason for reason in reasons if reason)
        case Scalar(name):
            return _scalar(name, value)
        case LiteralType(literals):
            return _literal(literals, value, values)
        case Generic(origin):
            return f"a {origin} can only be tested with `is null`"
        case Shared():
            return None


def _scalar(name: str, value: str | float | bool) -> str | None:
    if name in _OPEN:
        return None
    if name == "None":
        return "write `is null`"
    if name == "bool":
        return None if isinstance(value, bool) else "write `true` or `false`"
    if name in _NUMBERS:
        return None if not isinstance(value, str | bool) else "write a number, without quotes"
    return None if isinstance(value, str) else "write a text in single quotes"


def _literal(literals: tuple[str | int | bool, ...], value: str | float | bool, values: bool) -> str | None:
    if any(type(literal) is type(value) and (not values or literal == value) for literal in literals):
        return None
    texts = [str(literal) for literal in literals]
    return str(did_you_mean(str(value), texts, f"one of {listed(texts)}"))
