"""Defaults of fields as Python source. They are JSON in the config: plain values are written as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from pgconductor.build.python.annotations import MODEL
from pgconductor.build.python.imports import Imports
from pgconductor.build.python.layout import Group, Source
from pgconductor.build.python.text import literal
from pgconductor.config.types import (
    Constrained,
    Enum,
    Fields,
    Generic,
    Json,
    LiteralType,
    Scalar,
    Shared,
    SharedType,
    TypeExpr,
    Union,
)

# Types whose values are written down as they are. Lists would do, but linters want no mutable value in a class.
_NATIVE = frozenset({"str", "int", "float", "bool", "bytes", "email", "url", "None"})

_BYTES = TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64"))


def default(expr: TypeExpr, value: Json, types: Mapping[str, SharedType], imports: Imports) -> Source:
    """The default of a field of this type."""
    written = literal(_python(expr, value, types))
    if value is None or _is_native(expr, types):
        return written
    return Group(f"{imports.name(MODEL, 'default')}(", (written,), ")")


def _is_native(expr: TypeExpr, types: Mapping[str, SharedType]) -> bool:
    match expr:
        case Scalar(name):
            return name in _NATIVE
        case LiteralType():
            return True
        case Shared(name):
            return isinstance(types[name], Enum)
        case Generic():
            return False
        case Union(members):
            return all(_is_native(member, types) for member in members)
        case Constrained(base):
            return _is_native(base, types)


def _python(expr: TypeExpr, value: Any, types: Mapping[str, SharedType]) -> Any:
    """The value with bytes in place of base64 text and floats in place of whole numbers, where the type says so."""
    match expr:
        case Scalar("bytes"):
            return _BYTES.validate_json(json.dumps(value))
        case Scalar("float"):
            return float(value)
        case Constrained(base):
            return _python(base, value, types)
        case Generic("dict", item) if isinstance(value, dict):
            return {key: _python(item, inner, types) for key, inner in value.items()}
        case Generic(_, item) if isinstance(value, list):
            return [_python(item, inner, types) for inner in value]
        case Shared(name) if isinstance(value, dict):
            return _model(types[name], value, types)
        case _:
            return value


def _model(shared: SharedType, value: dict[str, Any], types: Mapping[str, SharedType]) -> dict[str, Any]:
    found = {field.name: field.type for field in shared.fields} if isinstance(shared, Fields) else {}
    return {key: _python(found[key], inner, types) if key in found else inner for key, inner in value.items()}
