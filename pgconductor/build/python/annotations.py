"""Type expressions as Python annotations."""

from __future__ import annotations

from typing import Any

from pgconductor.build.python.imports import Imports
from pgconductor.build.python.layout import Either, Group, Source
from pgconductor.build.python.text import literal, string
from pgconductor.config.types import Constrained, Generic, LiteralType, Scalar, Shared, TypeExpr, Union

MODEL = "pgconductor.api.model"

_BUILTIN = frozenset({"str", "int", "float", "bool", "bytes"})
_IMPORTED = {
    "date": ("datetime", "date"),
    "time": ("datetime", "time"),
    "datetime": ("datetime", "datetime"),
    "timedelta": ("datetime", "timedelta"),
    "uuid": ("uuid", "UUID"),
    "decimal": ("decimal", "Decimal"),
    "email": (MODEL, "EmailStr"),
    "url": (MODEL, "Url"),
    "json": (MODEL, "JsonValue"),
    "any": ("typing", "Any"),
}


def annotation(expr: TypeExpr, imports: Imports, extra: dict[str, Any] | None = None) -> Source:
    """The annotation of a type.

    Args:
        extra: more keywords for the `Field` of the annotation, such as a description.
    """
    keywords: dict[str, Any] = {**dict(expr.constraints if isinstance(expr, Constrained) else ()), **(extra or {})}
    plain = _plain(expr.base if isinstance(expr, Constrained) else expr, imports)
    if not keywords:
        return plain
    field = Group(f"{imports.name(MODEL, 'Field')}(", tuple((f"{k}=", literal(v)) for k, v in keywords.items()), ")")
    return Group(f"{imports.name('typing', 'Annotated')}[", (plain, field), "]")


def literal_type(values: tuple[str | int | bool, ...], imports: Imports) -> Group:
    """`Literal["a", 1]`."""
    items = tuple(string(value) if isinstance(value, str) else repr(value) for value in values)
    return Group(f"{imports.name('typing', 'Literal')}[", items, "]")


def _plain(expr: TypeExpr, imports: Imports) -> Source:
    match expr:
        case Scalar(name) if name in _BUILTIN:
            return imports.builtin(name)
        case Scalar("None"):
            return "None"
        case Scalar(name):
            return imports.name(*_IMPORTED[name])
        case Shared(name):
            return name
        case LiteralType(values):
            return literal_type(values, imports)
        case Union(members):
            return Either(tuple(annotation(member, imports) for member in members))
        case Generic("dict", item):
            return Group(f"{imports.builtin('dict')}[", (imports.builtin("str"), annotation(item, imports)), "]")
        case Generic("tuple", item):
            return Group(f"{imports.builtin('tuple')}[", (annotation(item, imports), "..."), "]")
        case Generic(origin, item):
            return Group(f"{imports.builtin(origin)}[", (annotation(item, imports),), "]")
        case Constrained():
            return annotation(expr, imports)
