"""Fields of payloads and shared types, as tables of TOML."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from pgconductor.config import codes, names, readers
from pgconductor.config.node import Bad, Node
from pgconductor.config.reader import JsonSchema, either, table_of, takes
from pgconductor.config.scope import Names
from pgconductor.config.shape import Key, Shape
from pgconductor.config.suggestion import Help, did_you_mean, listed
from pgconductor.config.tokens import ExpressionError
from pgconductor.config.typeexpr import parse
from pgconductor.config.types import (
    NONE,
    Constrained,
    Enum,
    Field,
    Fields,
    Generic,
    Json,
    LiteralType,
    Scalar,
    Shared,
    SharedType,
    TypeExpr,
    Union,
    is_nullable,
    union,
)
from pgconductor.config.valuecheck import Misfit, ValueCheck, to_json


@takes({"$ref": "#/definitions/type"})
def type_expr(node: Node) -> TypeExpr:
    """A type expression; errors have their caret inside the text."""
    text = readers.text(node)
    declared = node.scope.names
    try:
        return parse(text, declared.types, declared.enums)
    except ExpressionError as error:
        if error.code is codes.UNKNOWN_TYPE and not node.scope.complete:
            raise Bad from None
        raise node.report(error.code, str(error), error.help, part=(error.start, error.end)) from None


@takes({})
def _any_value(node: Node) -> Node:
    return node


FIELD = Shape(
    {
        "type": Key("type", type_expr, "A type expression, in Python's own syntax.", required=True),
        "default": Key("default", _any_value, "What the field is when it is left out."),
        "description": Key("description", readers.text, "What it means; a comment in the generated model."),
    }
)


def fields_schema(declared: Names) -> JsonSchema:
    """A table of fields: `name` or `"name?"`, a type expression or a table."""
    entry = either(type_expr.schema(declared), FIELD.schema(declared))
    entry["description"] = 'A field. `"name?"` may be left out and is None then.'
    return table_of(rf"{names.FIELD.pattern.pattern}\??", entry)


def fields(table: Node) -> Fields:
    """The fields of a table in their order.

    Raises:
        Bad: one of them could not be read. All that is wrong has been reported.
    """
    found: dict[str, Field] = {}
    nodes: dict[str, Node] = {}
    failed = False
    for key, node in table.items():
        try:
            item = field(key, node)
            if item.name in found:
                first = (nodes[item.name], "the same field")
                raise node.report(codes.COLLISION, f"field `{item.name}` is declared twice", at="key", related=first)
        except Bad:
            failed = True
            continue
        found[item.name], nodes[item.name] = item, node
    if failed or not isinstance(table.value, dict):
        raise Bad
    return Fields(tuple(found.values()))


def field(key: str, node: Node) -> Field:
    """One field: a type expression, or a table with `type`, `default` and `description`."""
    optional = key.endswith("?")
    name = key.removesuffix("?")
    failed: Bad | None = None
    try:
        names.FIELD.check(name, node)
    except Bad as bad:
        failed = bad  # the type is still worth reading
    details = _details(node)
    if failed:
        raise failed
    expr, default = details["type"], details.get("default")
    if optional and default:
        help = f"write `{name}` with the default, or `{name}?` without it, which is None when absent"
        raise default.report(codes.CONFLICT, f"`{key}` may be left out and has a default", help, at="key")
    return Field(
        name=name,
        type=union(expr, NONE) if optional else expr,
        required=not optional and default is None,
        default=_default(default, expr) if default else None,
        description=details.get("description"),
    )


def _details(node: Node) -> dict[str, Any]:
    if isinstance(node.value, str):
        return {"type": type_expr(node)}
    if not isinstance(node.value, dict):
        raise node.wrong_type('a type such as "str", or a table with `type`')
    details = FIELD.read(node).values
    if "type" not in details:
        raise Bad
    return details


def _default(node: Node, expr: TypeExpr) -> Json:
    value = json_value(node)
    # Later: the types that this one refers to may not have been read yet.
    node.scope.later(partial(check_value, node, expr, value, f"the default of `{node.path[-2]}`"))
    return value


def json_value(node: Node) -> Json:
    """A TOML value as JSON."""
    try:
        return to_json(node.value)
    except ValueError as error:
        raise node.report(codes.VALUE_MISFIT, str(error)) from None


def check_value(node: Node, expr: TypeExpr, value: Json, what: str, values: ValueCheck) -> None:
    """Report a value that a type would refuse, as near to the reason as its text allows."""
    found = values.misfit(expr, value)
    if found is None:
        return
    inner = _follow(node, found)
    last = found.path[-1] if found.path else ""
    if found.kind == "missing":
        inner.report(codes.VALUE_MISFIT, f"{what} lacks `{last}`", f"it must be `{expr}`")
    elif found.kind == "unknown":
        inner.report(codes.VALUE_MISFIT, f"{what} has no field `{last}`", f"it must be `{expr}`", at="key")
    else:
        inner.report(codes.VALUE_MISFIT, f"{what} does not fit `{expr}`", _hint(expr, inner.value, values.types))


def check_fields(node: Node, model: Fields, what: str, values: ValueCheck) -> None:
    """Report where a table differs from what a model takes. TOML has no None: a nullable field may be left out."""
    known = [field.name for field in model.fields]
    for key, child in node.items():
        expected = model.get(key)
        if expected is None:
            help = did_you_mean(key, known, "it has none" if not known else f"known: {listed(known)}")
            child.report(codes.VALUE_MISFIT, f"{what} has no field `{key}`", help, at="key")
            continue
        with suppress(Bad):
            check_value(child, expected.type, json_value(child), f"`{key}`", values)
    for expected in model.fields:
        if expected.required and expected.name not in node.value and not is_nullable(expected.type):
            node.report(codes.VALUE_MISFIT, f"{what} lacks `{expected.name}`", f"it is `{expected.type}`")


def _follow(node: Node, misfit: Misfit) -> Node:
    """The innermost value on the way to the reason; parts of the path that name types are passed over."""
    for part in misfit.path:
        value: Any = node.value
        inside = isinstance(value, dict) and part in value
        if inside or (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            node = node[part]
    return node


def _hint(expr: TypeExpr, value: Any, types: Mapping[str, SharedType]) -> Help:
    if not isinstance(value, str):
        return None
    if "timedelta" in str(expr):
        return 'a timedelta is written in ISO 8601: "PT1H30M", "P7D"'
    if is_nullable(expr) and value.lower() in ("none", "null", ""):
        return "TOML has no None: leave the key out, or end the name of the field with `?`"
    known = _choices(expr, types)
    return did_you_mean(value, known, f"one of {listed(known)}") if known else None


def _choices(expr: TypeExpr, types: Mapping[str, SharedType]) -> list[str]:
    """The texts that a type allows, if they are few."""
    match expr:
        case LiteralType(values):
            return [value for value in values if isinstance(value, str)]
        case Shared(name):
            shared = types.get(name)
            return list(shared.values) if isinstance(shared, Enum) else []
        case Generic(_, item) | Constrained(item):
            return _choices(item, types)
        case Union(members):
            return [choice for member in members for choice in _choices(member, types)]
        case Scalar():
            return []
