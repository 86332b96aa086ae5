"""Payload types as a small tree: what a type expression, a payload table or a JSON Schema means.

The nodes are data. `str(node)` is the expression in canonical spelling, which parses back to an equal node.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

from typing_extensions import TypeAliasType

# A named recursive type, not a plain alias, so that pydantic can follow it.
Json = TypeAliasType("Json", "bool | int | float | str | list[Json] | dict[str, Json] | None")

ScalarName: TypeAlias = Literal[
    "str",
    "int",
    "float",
    "bool",
    "bytes",
    "date",
    "time",
    "datetime",
    "timedelta",
    "uuid",
    "decimal",
    "email",
    "url",
    "json",
    "any",
    "None",
]
GenericName: TypeAlias = Literal["list", "set", "tuple", "dict"]
ConstraintName: TypeAlias = Literal["gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One of the built-in types, `email` for example."""

    name: ScalarName

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Shared:
    """A type of `[types.<Name>]`, or one that a JSON Schema brought along; always a key of `Config.types`."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Generic:
    """`list[T]`, `set[T]` and `tuple[T, ...]` hold one type, `dict[str, T]` holds the type of its values."""

    origin: GenericName
    item: TypeExpr

    def __str__(self) -> str:
        match self.origin:
            case "tuple":
                return f"tuple[{self.item}, ...]"
            case "dict":
                return f"dict[str, {self.item}]"
            case _:
                return f"{self.origin}[{self.item}]"


@dataclass(frozen=True, slots=True)
class Union:
    """`A | B`: two members or more, no union among them, none twice, `None` last."""

    members: tuple[TypeExpr, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.members))


@dataclass(frozen=True, slots=True)
class LiteralType:
    """`Literal['a', 1]`: one of these values."""

    values: tuple[str | int | bool, ...]

    def __str__(self) -> str:
        return f"Literal[{', '.join(map(repr, self.values))}]"


@dataclass(frozen=True, slots=True)
class Constrained:
    """`int(ge=0)`: a scalar or a generic within limits, in the order given.

    Limits of a `decimal` are written as numbers too: `Decimal(repr(value))` is what the user wrote.
    """

    base: Scalar | Generic
    constraints: tuple[tuple[ConstraintName, int | float | str], ...]

    def __str__(self) -> str:
        return f"{self.base}({', '.join(f'{name}={value!r}' for name, value in self.constraints)})"


TypeExpr: TypeAlias = Scalar | Shared | Generic | Union | LiteralType | Constrained

NONE = Scalar("None")


def union(*members: TypeExpr) -> TypeExpr:
    """The union of types: flattened, without repetition, `None` last; one member alone is that member."""
    flat: list[TypeExpr] = []
    for member in members:
        flat.extend(member.members if isinstance(member, Union) else (member,))
    unique = [*dict.fromkeys(member for member in flat if member != NONE)]
    if NONE in flat:
        unique.append(NONE)
    return unique[0] if len(unique) == 1 else Union(tuple(unique))


def is_nullable(expr: TypeExpr) -> bool:
    """Whether `None` is a value of the type by its own spelling."""
    return expr == NONE or (isinstance(expr, Union) and NONE in expr.members)


def is_hashable(expr: TypeExpr, enums: Collection[str]) -> bool:
    """Whether every value of the type can be a member of a set. Of the shared types, only enums are known to be."""
    match expr:
        case Scalar(name):
            return name not in ("json", "any")
        case Shared(name):
            return name in enums
        case Generic(origin, item):
            return origin == "tuple" and is_hashable(item, enums)
        case Union(members):
            return all(is_hashable(member, enums) for member in members)
        case Constrained(base):
            return is_hashable(base, enums)
        case LiteralType():
            return True


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a payload or of a shared type.

    Attributes:
        name: snake_case, without the `?` of an optional field.
        type: for an optional field `None` is already part of it.
        required: must be present; a nullable field may still be required.
        default: used when the field is absent and not required, as JSON: a date is ISO text. None for `"name?"`.
        description: for the docstring, any text.
    """

    name: str
    type: TypeExpr
    required: bool = True
    default: Json = None
    description: str | None = None

    def __str__(self) -> str:
        default = "" if self.required else f" = {json.dumps(self.default)}"
        return f"{self.name}: {self.type}{default}"


@dataclass(frozen=True, slots=True)
class Fields:
    """A model to be generated: fields in declared order. No field at all is an empty model.

    Attributes:
        schema: the JSON Schema file it was translated from, relative to the root `conductor.toml`.
    """

    fields: tuple[Field, ...] = ()
    schema: str | None = None

    def get(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True)
class ModelRef:
    """`"module:Class"`: a pydantic model of the user's own, imported by the generated code, never by generate."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


@dataclass(frozen=True, slots=True)
class Enum:
    """`enum = ["free", "pro"]`: different texts, at least one."""

    values: tuple[str, ...]


# What `payload` and `returns` may be, and what `[types.<Name>]` may be.
Payload: TypeAlias = Fields | ModelRef
SharedType: TypeAlias = Fields | Enum | ModelRef
