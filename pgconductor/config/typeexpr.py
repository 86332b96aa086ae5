"""The type expressions of payload fields: a closed part of Python's own syntax, parsed and never evaluated.

    union      = single { "|" single }
    single     = ( scalar | shared | generic | "Literal" "[" value { "," value } "]" ) [ "(" constraints ")" ]
    generic    = "list" "[" union "]" | "set" "[" union "]" | "tuple" "[" union "," "..." "]"
               | "dict" "[" "str" "," union "]"

A parser of our own rather than `ast`: positions are characters (ast counts UTF-8 bytes), messages are ours and the same
on every Python, and there is nothing to forbid.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import get_args

from pgconductor.config.codes import TYPE_ARGUMENTS, TYPE_SYNTAX, UNKNOWN_TYPE
from pgconductor.config.constraints import Constraints
from pgconductor.config.literals import constant
from pgconductor.config.suggestion import Help, Suggestion, closest
from pgconductor.config.tokens import ExpressionError, Token, Tokens
from pgconductor.config.types import (
    Generic,
    GenericName,
    LiteralType,
    Scalar,
    ScalarName,
    Shared,
    TypeExpr,
    is_hashable,
    union,
)

SCALARS: dict[str, ScalarName] = {name: name for name in get_args(ScalarName)}
GENERICS: dict[str, GenericName] = {name: name for name in get_args(GenericName)}
# What people write who come from elsewhere.
FAMILIAR = {
    "string": "str", "text": "str", "varchar": "str", "integer": "int", "bigint": "int", "number": "float",
    "double": "float", "boolean": "bool", "numeric": "decimal", "Decimal": "decimal", "UUID": "uuid", "Any": "any",
    "object": "json", "jsonb": "json", "JsonValue": "json", "timestamp": "datetime", "timestamptz": "datetime",
    "interval": "timedelta", "duration": "timedelta", "null": "None", "none": "None", "EmailStr": "email",
    "AnyUrl": "url", "HttpUrl": "url", "List": "list", "array": "list", "Sequence": "list", "Set": "set",
    "frozenset": "set", "Tuple": "tuple", "Dict": "dict", "Mapping": "dict", "map": "dict", "literal": "Literal",
    "enum": "Literal",
}  # fmt: skip
DEEPEST = 20

_TOKEN = re.compile(
    r"(?P<name>[^\W\d]\w*(?!['\"\w]))"
    r"|(?P<string>[rR]?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))"
    r"|(?P<number>[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<dots>\.\.\.)"
    r"|(?P<mark>[][()|,=])",
    re.ASCII | re.DOTALL,
)
_HELP = "write types as `str`, `list[int]`, `A | B`, `Literal['a', 1]` or `int(ge=0)`"


def parse(text: str, shared: Collection[str] = (), enums: Collection[str] = ()) -> TypeExpr:
    """The type that an expression means.

    Args:
        shared: names of `[types.*]`.
        enums: those of them that are enums, which a set may hold.

    Raises:
        ExpressionError: it is not a type, with the place inside the text.

    >>> print(parse("list[str(max_length=3)] | None"))
    list[str(max_length=3)] | None
    """
    return _Parser(text, shared, enums).whole()


class _Parser:
    def __init__(self, text: str, shared: Collection[str], enums: Collection[str]) -> None:
        self.tokens = Tokens(text, _TOKEN, TYPE_SYNTAX, _HELP)
        self.shared = shared
        self.enums = enums
        self.depth = 0

    def whole(self) -> TypeExpr:
        expr = self.union()
        if self.tokens.next.kind != "end":
            raise self.tokens.unexpected("`|` or the end")
        return expr

    def union(self) -> TypeExpr:
        self.depth += 1
        if self.depth > DEEPEST:
            token = self.tokens.next
            message = f"types nest at most {DEEPEST} deep"
            raise ExpressionError(TYPE_SYNTAX, message, token.start, token.end, "declare a shared type: `[types.Name]`")
        members = [self.single()]
        while self.tokens.take_if("|"):
            members.append(self.single())
        self.depth -= 1
        return union(*members)

    def single(self) -> TypeExpr:
        token = self.tokens.next
        if token.kind != "name":
            raise self.tokens.unexpected("a type")
        self.tokens.take()
        expr = self.named(token)
        if bracket := self.tokens.take_if("("):
            return Constraints(self.tokens, expr, token, bracket).read()
        return expr

    def named(self, token: Token) -> TypeExpr:
        name = token.text
        # A shared type may not be called like a built-in one: those are all lower case, but for None and Literal.
        if name == "Literal":
            return self.literal(self.opening(token))
        if name in GENERICS:
            return self.generic(GENERICS[name], self.opening(token))
        if name not in SCALARS and name not in self.shared:
            raise self.unknown(token)
        if bracket := self.tokens.take_if("["):
            message = f"`{name}` takes no arguments"
            raise ExpressionError(TYPE_ARGUMENTS, message, bracket.start, bracket.end)
        return Scalar(SCALARS[name]) if name in SCALARS else Shared(name)

    def opening(self, token: Token) -> Token:
        bracket = self.tokens.take_if("[")
        if bracket is None:
            forms = {"dict": "dict[str, T]", "tuple": "tuple[T, ...]", "Literal": "Literal['a', 'b']"}
            help = f"write `{forms.get(token.text, f'{token.text}[T]')}`"
            raise ExpressionError(TYPE_ARGUMENTS, f"`{token.text}` needs arguments", token.start, token.end, help)
        return bracket

    def generic(self, origin: GenericName, bracket: Token) -> Generic:
        if origin == "dict":
            self.dict_key()
        start = self.tokens.next.start
        item = self.union()
        if origin == "set" and not is_hashable(item, self.enums):
            end = self.tokens.tokens[self.tokens.index - 1].end
            message = f"a set cannot hold `{item}`, which is not hashable"
            raise ExpressionError(TYPE_ARGUMENTS, message, start, end, "write `list[...]`")
        if origin == "tuple":
            self.ellipsis(item)
        if comma := self.tokens.take_if(","):
            message = f"`{origin}` takes {'`str` and ' if origin == 'dict' else ''}one type"
            raise ExpressionError(TYPE_ARGUMENTS, message, comma.start, comma.end)
        self.tokens.expect("]", bracket)
        return Generic(origin, item)

    def dict_key(self) -> None:
        key = self.tokens.next
        if key.kind == "end":
            raise self.tokens.unexpected("`str`")
        if key.text != "str":
            message = "the keys of a dict are `str`, as in JSON"
            raise ExpressionError(TYPE_ARGUMENTS, message, key.start, key.end, "write `dict[str, T]`")
        self.tokens.take()
        if not self.tokens.take_if(","):
            token = self.tokens.next
            message = "`dict` takes `str` and the type of its values"
            raise ExpressionError(TYPE_ARGUMENTS, message, key.start, token.end, "write `dict[str, T]`")

    def ellipsis(self, item: TypeExpr) -> None:
        if not self.tokens.take_if(",") or self.tokens.next.kind != "dots":
            token = self.tokens.next
            if token.kind == "end":
                raise self.tokens.unexpected("`...`")
            message = "a tuple holds one type any number of times"
            help = f"write `tuple[{item}, ...]`, or declare a shared type with fields"
            raise ExpressionError(TYPE_ARGUMENTS, message, token.start, token.end, help)
        self.tokens.take()

    def literal(self, bracket: Token) -> LiteralType:
        values: list[str | int | bool] = []
        while not values or self.tokens.take_if(","):
            token = self.tokens.next
            value = constant(self.tokens)
            if isinstance(value, float):
                message = "`Literal` takes strings, integers and booleans"
                raise ExpressionError(TYPE_ARGUMENTS, message, token.start, token.end)
            if any(value == other and type(value) is type(other) for other in values):
                raise ExpressionError(TYPE_ARGUMENTS, f"{token.text} is listed twice", token.start, token.end)
            values.append(value)
        self.tokens.expect("]", bracket)
        return LiteralType(tuple(values))

    def unknown(self, token: Token) -> ExpressionError:
        name = token.text
        if name in ("Optional", "Union"):
            help: Help = "write `T | None`" if name == "Optional" else "write `A | B`"
        elif meant := FAMILIAR.get(name):
            help = Suggestion(name, meant, sure=meant in SCALARS)
        else:
            known = [*SCALARS, *GENERICS, "Literal", *self.shared]
            help = closest(name, known) or "declare it as `[types.<Name>]`, or use a built-in type"
        return ExpressionError(UNKNOWN_TYPE, f"unknown type `{name}`", token.start, token.end, help)
