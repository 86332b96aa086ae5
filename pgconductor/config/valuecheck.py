"""Whether a value fits a type, decided by pydantic, as the generated models will."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Annotated, Any, ForwardRef, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic import Field as PydanticField

from pgconductor.config.source import KeyPath
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

_SCALARS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "bytes": bytes,
    "date": date,
    "time": time,
    "datetime": datetime,
    "timedelta": timedelta,
    "uuid": UUID,
    "decimal": Decimal,
    "json": JsonValue,
    "any": Any,
    "None": None,
}
_ORIGINS: dict[str, Any] = {"list": list, "set": set}

# JSON has no bytes: they travel as base64, in the generated models too.
_BYTES = ConfigDict(val_json_bytes="base64")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, val_json_bytes="base64")


@dataclass(frozen=True, slots=True)
class Misfit:
    """One reason why a value was refused.

    Attributes:
        path: where inside the value, as keys and indexes; parts that are no keys of it are left out by the reader.
        kind: `missing`, `unknown`, or `wrong` for everything else.
    """

    path: KeyPath
    kind: str


def to_json(value: Any) -> Json:
    """A TOML value as JSON: dates and times become ISO 8601 texts.

    Raises:
        ValueError: nan or an infinity, which JSON does not have.
    """
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"JSON has no `{value}`")
    result: Json = value
    return result


class ValueCheck:
    """Checks values against types.

    Args:
        types: the shared types; one that is missing could not be read, and takes any value.
    """

    def __init__(self, types: Mapping[str, SharedType]) -> None:
        self.types = types
        self.models: dict[str, type[BaseModel]] = {}
        self.building: set[str] = set()
        self.adapters: dict[TypeExpr, TypeAdapter[Any]] = {}

    def misfit(self, expr: TypeExpr, value: Json) -> Misfit | None:
        """The first reason why a value does not fit; None if it does."""
        try:
            self.adapter(expr).validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            kinds = {"missing": "missing", "extra_forbidden": "unknown"}
            return Misfit(first["loc"], kinds.get(first["type"], "wrong"))
        return None

    def adapter(self, expr: TypeExpr) -> TypeAdapter[Any]:
        if expr not in self.adapters:
            annotation = self.annotation(expr)
            for model in self.models.values():
                model.model_rebuild(_types_namespace=self.models)
            is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
            self.adapters[expr] = TypeAdapter(annotation, config=None if is_model else _BYTES)
        return self.adapters[expr]

    def annotation(self, expr: TypeExpr) -> Any:
        """The type as pydantic understands it."""
        match expr:
            case Scalar("email" | "url" as name):
                return _network(name)
            case Scalar(name):
                return _SCALARS[name]
            case Shared(name):
                return self.named(name)
            case LiteralType(values):
                return Literal[values]
            case Generic("dict", item):
                return dict[str, self.annotation(item)]  # type: ignore[misc]
            case Generic("tuple", item):
                return tuple[self.annotation(item), ...]  # type: ignore[misc]
            case Generic(origin, item):
                return _ORIGINS[origin][self.annotation(item)]
            case Union(members):
                return reduce(or_, [self.annotation(member) for member in members])
            case Constrained(base, constraints):
                limits: dict[str, Any] = {name: _limit(base, value) for name, value in constraints}
                return Annotated[self.annotation(base), PydanticField(**limits)]

    def named(self, name: str) -> Any:
        """A shared type. A model that is being built is named only, so that types may refer to each other."""
        match self.types.get(name):
            case Enum(values):
                return Literal[values]
            case Fields() as fields:
                if name not in self.models and name not in self.building:
                    self.building.add(name)
                    self.models[name] = self.model(name, fields)
                return self.models.get(name, ForwardRef(name))
            case _:
                return Any

    def model(self, name: str, fields: Fields) -> type[BaseModel]:
        definitions: dict[str, Any] = {
            field.name: (self.annotation(field.type), ... if field.required else field.default)
            for field in fields.fields
        }
        return create_model(name, __base__=_Strict, **definitions)


def _network(name: str) -> Any:
    # 20 ms to import, and few configurations have a value of these types.
    from pydantic import networks

    return networks.EmailStr if name == "email" else networks.AnyUrl


def _limit(base: TypeExpr, value: float | str) -> Any:
    """A limit of a decimal is the number as written: 0.1 is not what the float of that name is."""
    return Decimal(repr(value)) if base == Scalar("decimal") and not isinstance(value, str) else value
