"""`[types.<Name>]` and `[events."<name>"]`."""

from __future__ import annotations

from collections.abc import Mapping

from pgconductor.config import codes, names, readers, reference
from pgconductor.config.fields import fields, fields_schema
from pgconductor.config.model import Event
from pgconductor.config.node import Node
from pgconductor.config.payload import payload
from pgconductor.config.reader import JsonSchema, either
from pgconductor.config.scope import Names
from pgconductor.config.shape import Key, Shape
from pgconductor.config.types import (
    Constrained,
    Enum,
    Fields,
    Generic,
    LiteralType,
    ModelRef,
    Scalar,
    Shared,
    SharedType,
    TypeExpr,
    Union,
)

EVENT = Shape(
    {
        "payload": Key("payload", payload(names.event_model), "What it says, written like a task's payload."),
        "description": Key("description", readers.text, "When it happens, for whoever waits for it."),
        "retention": Key("retention_ms", readers.duration(0), "How long it is kept."),
    },
    model=Event,
)


def shared_type_schema(declared: Names) -> JsonSchema:
    """Fields, an enum, or a model of the user's own."""
    texts = {"type": "array", "items": readers.text.schema(declared), "minItems": 1, "uniqueItems": True}
    alone: JsonSchema = {"type": "object", "additionalProperties": False}
    enum = {"enum": {**texts, "description": "The texts that it may be."}}
    ref = {"ref": {**reference.model.schema(declared), "description": 'A model of your own: "module:Class".'}}
    return either(
        {**alone, "properties": enum, "required": ["enum"]},
        {**alone, "properties": ref, "required": ["ref"]},
        fields_schema(declared),
    )


def is_enum(value: object) -> bool:
    """Whether the value of `[types.<Name>]` is an enum: an array is no type of a field called `enum`."""
    return isinstance(value, dict) and isinstance(value.get("enum"), list)


def shared_type(node: Node) -> SharedType:
    """A shared type: fields, an enum, or a model of the user's own."""
    if not isinstance(node.value, dict):
        raise node.wrong_type("a table of fields, or one with `enum` or `ref`")
    kind = "enum" if is_enum(node.value) else "ref" if reference.looks_like_one(node.value.get("ref")) else None
    if kind is None:
        return fields(node)
    for key, child in node.items():
        if key != kind:
            help = f"`{kind}` stands alone; for a field of that name, write a type expression"
            raise child.report(codes.SHARED_TYPE, f"`{key}` beside `{kind}`", help, at="key")
    return _enum(node["enum"]) if kind == "enum" else _ref(node["ref"])


def _enum(node: Node) -> Enum:
    if not node.value:
        raise node.report(codes.SHARED_TYPE, "an enum without values", "list at least one")
    return Enum(readers.array(readers.text)(node))


def _ref(node: Node) -> ModelRef:
    return reference.model(node)


def check_finite(types: Mapping[str, SharedType], nodes: Mapping[str, Node]) -> None:
    """Report types that contain themselves in a required field."""
    told: set[str] = set()
    for name, node in nodes.items():
        circle = _circle(name, types)
        if circle and name not in told:
            told.update(circle)
            message = f"no value of `{name}` can ever be written: {' contains '.join(f'`{step}`' for step in circle)}"
            node.report(codes.SHARED_TYPE, message, "make one of the fields optional, or a list", at="key")


def _circle(start: str, types: Mapping[str, SharedType]) -> list[str] | None:
    """The way from a type back to itself through what it must contain."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        model = types.get(way[-1])
        for inner in _contained(model) if isinstance(model, Fields) else ():
            if inner == start:
                return [*way, inner]
            if inner not in seen:
                seen.add(inner)
                ways.append([*way, inner])
    return None


def _contained(model: Fields) -> list[str]:
    """The shared types of which every value of the model holds one."""
    return [name for field in model.fields if field.required for name in _must(field.type)]


def _must(expr: TypeExpr) -> list[str]:
    match expr:
        case Shared(name):
            return [name]
        case Scalar() | Generic() | LiteralType() | Constrained() | Union():
            return []


def event(node: Node) -> Event:
    """An event; its payload is known to conditions from then on."""
    values = EVENT.read(node).values
    if "payload" in values or not node.get("payload"):
        node.scope.events[node.name] = values.get("payload", Fields())
    return Event(name=node.name, **values)
