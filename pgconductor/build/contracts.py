"""What of a payload the plan carries, so that a later plan can be compared with it."""

from __future__ import annotations

from collections.abc import Mapping

from pgconductor.config.types import Enum, Fields, ModelRef, Payload, SharedType
from pgconductor.plan.model import FieldPlan, TypePlan


def payload_fields(payload: Payload) -> dict[str, FieldPlan] | None:
    """The fields of a payload by name; None for a class of the user's own."""
    return _fields(payload) if isinstance(payload, Fields) else None


def shared_types(types: Mapping[str, SharedType]) -> dict[str, TypePlan]:
    """Every shared type, sorted by name."""
    return {name: _type(shared) for name, shared in sorted(types.items())}


def _type(shared: SharedType) -> TypePlan:
    match shared:
        case Enum(values):
            return TypePlan(enum=values)
        case ModelRef():
            return TypePlan(ref=str(shared))
        case Fields():
            return TypePlan(fields=_fields(shared))


def _fields(model: Fields) -> dict[str, FieldPlan]:
    return {
        field.name: FieldPlan(type=str(field.type), required=field.required, default=field.default)
        for field in model.fields
    }
