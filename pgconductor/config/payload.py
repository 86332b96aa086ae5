"""What `payload` and `returns` may be: fields, a model of the user's own, or a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from pgconductor.config import codes, reference
from pgconductor.config.diagnostic import Diagnostic, Place
from pgconductor.config.fields import fields, fields_schema
from pgconductor.config.files import Unreadable
from pgconductor.config.jsonschema import Translation
from pgconductor.config.node import Bad, Node
from pgconductor.config.reader import JsonSchema, Reader, either, takes, text_like
from pgconductor.config.scope import Names
from pgconductor.config.types import Field, Fields, Payload
from pgconductor.config.valuecheck import ValueCheck

_HELP = 'write a table of fields, "module:Class", or "file.json"'


def _schema(declared: Names) -> JsonSchema:
    file = text_like(r".*\.json", "schemas/order.json")
    return either(fields_schema(declared), reference.model.schema(declared), file)


def payload(model: Callable[[str], str]) -> Reader[Payload]:
    """A reader of payloads.

    Args:
        model: the name of the generated model, from the name of the task or event.
    """

    @takes(_schema)
    def read(node: Node) -> Payload:
        if isinstance(node.value, dict):
            return fields(node)
        if not isinstance(node.value, str):
            raise node.wrong_type("a table of fields or a string", _HELP)
        if node.value.endswith(".json"):
            return _json_schema(node, model(str(node.path[1])))
        if ":" not in node.value:
            message = f"`{node.value}` is neither a reference nor a JSON Schema file"
            raise node.report(codes.REFERENCE, message, _HELP)
        return reference.model(node)

    return read


def _json_schema(node: Node, model: str) -> Fields:
    scope = node.scope
    path = node.source.directory / node.value
    try:
        text = scope.files.read(path)
    except Unreadable as error:
        found = error.diagnostic
        if found.place.line:
            scope.diagnostics.append(found)
            raise Bad from None
        code = codes.CODES[found.code]
        raise node.report(code, found.message, found.help or f"relative to `{node.source.name}`") from None
    translation = Translation(model)
    result = translation.whole(_parse(text, node))
    for pointer, message in translation.problems:
        node.report(codes.JSON_SCHEMA, f"{node.value}#{pointer}: {message}", "see `pgconductor explain CFG307`")
    if result is None or translation.problems:
        raise Bad
    for name, shared in translation.types.items():
        scope.claims.claim(name, f"`{name}` of {node.value}", node)
        scope.types[name] = shared
    for checked in (result, *translation.types.values()):
        if isinstance(checked, Fields):
            _check_defaults(node, checked)
    return Fields(result.fields, schema=scope.files.relative(path))


def _check_defaults(node: Node, model: Fields) -> None:
    for field in model.fields:
        if field.default is not None:
            node.scope.later(partial(_check_default, node, field))


def _check_default(node: Node, field: Field, values: ValueCheck) -> None:
    if values.misfit(field.type, field.default):
        node.report(codes.VALUE_MISFIT, f"{node.value}: the default of `{field.name}` does not fit `{field.type}`")


def _parse(text: str, node: Node) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        name = node.scope.files.name(node.source.directory / node.value)
        line = text.split("\n")[error.lineno - 1].rstrip("\r")
        place = Place.in_line(name, error.lineno, error.colno, error.colno + 1, line)
        message = f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        node.scope.diagnostics.append(Diagnostic(codes.JSON_SCHEMA.code, message, place))
        raise Bad from None
    except (RecursionError, ValueError):
        raise node.report(codes.JSON_SCHEMA, f"`{node.value}` nests too deeply, or has an endless number") from None
