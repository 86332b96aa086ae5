"""`[tasks.<name>.triggers.<trigger>]`: what starts a task by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

from pydantic import BaseModel

from pgconductor.config import codes, names, readers
from pgconductor.config.condition import Columns, parse
from pgconductor.config.cron import expression
from pgconductor.config.fields import check_fields, json_value, type_expr
from pgconductor.config.model import DAY, CronTrigger, EventTrigger, TableTrigger, Trigger
from pgconductor.config.node import At, Bad, Node
from pgconductor.config.reader import JsonSchema, either, one_of, table_of, takes, text_like
from pgconductor.config.scope import Names
from pgconductor.config.shape import Key, Settings, Shape
from pgconductor.config.suggestion import did_you_mean, listed
from pgconductor.config.tokens import ExpressionError
from pgconductor.config.types import Enum, Fields, Json, LiteralType, Payload, Shared, SharedType, TypeExpr, is_nullable
from pgconductor.config.zones import zone

# What a cron trigger says until the task's time zone is known; the other kinds are complete once read.
Draft: TypeAlias = "Settings | EventTrigger | TableTrigger"

KINDS = ("cron", "event", "table")
OPERATIONS = ("insert", "update", "delete")

_TABLE = re.compile(r'(?P<schema>"(?:[^"]|"")+"|[^".]+)\.(?P<table>"(?:[^"]|"")+"|[^".]+)')


@takes(lambda names: one_of(sorted(names.events)))
def event_name(node: Node) -> str:
    """The name of a declared event."""
    name = readers.text(node)
    known = node.scope.names.events
    if name not in known:
        if node.scope.complete:
            help = did_you_mean(name, known, f'declare it: [events."{name}"]')
            node.report(codes.UNKNOWN_EVENT, f"unknown event `{name}`", help)
        raise Bad
    return name


@takes(text_like(_TABLE.pattern.replace("?P<schema>", "?:").replace("?P<table>", "?:"), "public.users"))
def table_name(node: Node) -> str:
    """`schema.table`."""
    name = readers.text(node)
    match = _TABLE.fullmatch(name)
    if match is None:
        help = f'name its schema: "public.{name}"' if re.fullmatch(r"\w+", name) else 'write "schema.table"'
        raise node.report(codes.TABLE_NAME, f"`{name}` is not a table with its schema", help)
    for part in match.groups():
        _check_identifier(part.strip('"').replace('""', '"') if part.startswith('"') else part, node)
    return name


@takes({"type": "string", "minLength": 1})
def column(node: Node) -> str:
    """The name of a column, in the exact case of the catalogue."""
    name = readers.text(node)
    _check_identifier(name, node)
    return name


def _columns_schema(names: Names) -> JsonSchema:
    listed = {"type": "array", "items": column.schema(names), "minItems": 1, "uniqueItems": True}
    return either(listed, {"type": "object", "additionalProperties": type_expr.schema(names)})


@takes(_columns_schema)
def columns(node: Node) -> dict[str, TypeExpr | None]:
    """The columns to capture: names, or a table of names and types."""
    if isinstance(node.value, dict):
        found: dict[str, TypeExpr | None] = {}
        for name, child in node.items():
            with suppress(Bad):
                _check_identifier(name, child, "key")
                found[name] = type_expr(child)
        if len(found) < len(node.value):
            raise Bad
        return found
    if not isinstance(node.value, list):
        raise node.wrong_type("an array of names, or a table of names and types")
    return dict.fromkeys(readers.array(column, least=1)(node))


@takes({"type": "object"})
def _table_node(node: Node) -> Node:
    if not isinstance(node.value, dict):
        raise node.wrong_type("a table with the fields of the payload")
    return node


def _check_identifier(name: str, node: Node, at: At = "value") -> None:
    if not name or len(name.encode()) > 63 or re.search(r"[\x00-\x1f\x7f]", name):
        message = f"`{name}` is not a name that PostgreSQL allows"
        raise node.report(codes.TABLE_NAME, message, "names have 1 to 63 bytes and no control characters", at=at)


_SHAPES = {
    "cron": {
        "cron": Key("expression", expression, 'When: five fields, "0 9 * * mon-fri", or "@daily".', required=True),
        "timezone": Key("timezone", zone, "What the expression means; by default the task's."),
        "catch_up": Key(
            "catch_up",
            readers.choice("latest", "all", "skip"),
            "What becomes of moments that passed while nothing ran: the latest, all of them, or none.",
        ),
        "jitter": Key("jitter_ms", readers.duration(0, DAY), "Each moment is put off by up to so long, at random."),
        "payload": Key("payload", _table_node, "What the handler gets; checked against the task's payload."),
    },
    "event": {
        "event": Key("event", event_name, "The event that starts it.", required=True),
        "fields": Key("fields", readers.array(readers.text, least=1), "The fields of the event that it needs."),
        "where": Key("where", readers.text, 'Only events for which this is true: "payload.total > 100".'),
    },
    "table": {
        "table": Key("table", table_name, 'The table whose changes start it: "public.users".', required=True),
        "on": Key("on", readers.array(readers.choice(*OPERATIONS), least=1), "Which changes: insert, update, delete."),
        "columns": Key("columns", columns, "The columns that it needs: names, or names with types."),
        "update_of": Key("update_of", readers.array(column, least=1), "Only updates of these columns."),
        "when": Key("when", readers.text, "Only rows for which this is true: \"new.status = 'paid'\"."),
    },
}
_MODELS: dict[str, type[BaseModel]] = {"cron": CronTrigger, "event": EventTrigger, "table": TableTrigger}
_ALL_KEYS = {name: key for keys in _SHAPES.values() for name, key in keys.items()}


def _shape(kind: str) -> Shape:
    others = {
        name: (codes.TRIGGER, f"`{name}` belongs to triggers with `{other}`, this one has `{kind}`")
        for other, keys in _SHAPES.items()
        for name in keys
        if other != kind and name not in KINDS
    }
    return Shape(_SHAPES[kind], others, _MODELS[kind])


_BY_KIND = {kind: _shape(kind) for kind in KINDS}


def _schema(declared: Names) -> JsonSchema:
    kinds = either(*(shape.schema(declared) for shape in _BY_KIND.values()))
    return table_of(names.TRIGGER.pattern.pattern, kinds)


@takes(_schema)
def triggers(table: Node) -> dict[str, Draft]:
    """All triggers of a task that could be read."""
    found: dict[str, Draft] = {}
    for name, node in names.named(table, names.TRIGGER):
        with suppress(Bad):
            found[name] = _trigger(node)
    return found


def _trigger(node: Node) -> Draft:
    if not isinstance(node.value, dict):
        raise node.wrong_type("a table")
    kinds = [kind for kind in KINDS if kind in node.value]
    if len(kinds) != 1:
        raise _not_one_kind(node, kinds)
    settings = _BY_KIND[kinds[0]].read(node)
    if kinds[0] not in node.value or len(settings.values) < len(node.value):
        raise Bad
    match kinds[0]:
        case "cron":
            return settings
        case "event":
            return _event(settings)
        case _:
            return _table(settings)


def _not_one_kind(node: Node, kinds: list[str]) -> Bad:
    help = f"a trigger has exactly one of {listed(KINDS)}"
    if kinds:
        return node[kinds[1]].report(codes.TRIGGER, f"`{kinds[1]}` beside `{kinds[0]}`", help, at="key")
    unknown = [key for key in node.value if key not in _ALL_KEYS]
    for key in unknown:
        message = f"unknown key `{key}` in {node.header}"
        node[key].report(codes.UNKNOWN_KEY, message, did_you_mean(key, _ALL_KEYS, help), at="key")
    return Bad() if unknown else node.report(codes.TRIGGER, "this trigger is of no kind", help, at="key")


def _event(settings: Settings) -> EventTrigger:
    trigger = EventTrigger(**settings.values)
    scope = settings.nodes["event"].scope
    known = payload_columns(scope.events.get(trigger.event), scope.types)
    if known is not None and trigger.fields is not None:
        for index, name in enumerate(trigger.fields):
            if name not in known:
                message = f"event `{trigger.event}` has no field `{name}`"
                help = did_you_mean(name, known, f"known: {listed(known)}" if known else "its payload has no fields")
                settings.nodes["fields"][index].report(codes.UNKNOWN_FIELD, message, help)
    if trigger.where is not None:
        _check_condition(settings.nodes["where"], {"payload": known})
    return trigger


def _table(settings: Settings) -> TableTrigger:
    trigger = TableTrigger(**settings.values)
    if trigger.update_of is not None and "update" not in trigger.on:
        message = "`update_of` has no effect on a trigger that is not on updates"
        settings.nodes["update_of"].report(codes.CONFLICT, message, 'add "update" to `on`', at="key")
    if trigger.when is not None:
        roots: dict[str, Columns] = {}
        if {"insert", "update"} & set(trigger.on):
            roots["new"] = trigger.columns
        if {"update", "delete"} & set(trigger.on):
            roots["old"] = trigger.columns
        _check_condition(settings.nodes["when"], roots)
    return trigger


def _check_condition(node: Node, roots: Mapping[str, Columns]) -> None:
    try:
        parse(node.value, roots)
    except ExpressionError as error:
        node.report(error.code, str(error), error.help, part=(error.start, error.end))


def payload_columns(payload: Payload | None, types: Mapping[str, SharedType]) -> dict[str, TypeExpr | None] | None:
    """The fields that a condition may name; None for a model of the user's own, which is not imported."""
    if not isinstance(payload, Fields):
        return None
    return {field.name: _opened(field.type, types) for field in payload.fields}


def _opened(expr: TypeExpr, types: Mapping[str, SharedType]) -> TypeExpr | None:
    """A shared enum as the values that it stands for."""
    if isinstance(expr, Shared):
        shared = types.get(expr.name)
        return LiteralType(shared.values) if isinstance(shared, Enum) else None
    return expr


def finish(drafts: dict[str, Draft], timezone: str, payload: Payload | None) -> dict[str, Trigger]:
    """The triggers of a task; a cron trigger without a time zone of its own takes the task's."""
    return {
        name: _cron(draft, timezone, payload) if isinstance(draft, Settings) else draft
        for name, draft in drafts.items()
    }


def _cron(draft: Settings, timezone: str, payload: Payload | None) -> CronTrigger:
    values: dict[str, Any] = {"timezone": timezone, **draft.values}
    given: Node | None = values.pop("payload", None)
    if given is not None:
        with suppress(Bad):
            values["payload"] = _with_nulls(json_value(given), payload)
    return CronTrigger(**values)


def _with_nulls(value: Json, payload: Payload | None) -> Json:
    """A payload with None for the fields that must be there and may be None: TOML has no way to write it."""
    if not isinstance(value, dict) or not isinstance(payload, Fields):
        return value
    return {**{field.name: None for field in payload.fields if field.required and is_nullable(field.type)}, **value}


def check_cron_payloads(drafts: dict[str, Draft], table: Node, payload: Payload | None, alone: bool) -> None:
    """Check later what the cron triggers of a task give to its handler.

    Args:
        alone: the task is started by cron only, so that its handler always gets the payload.
    """
    if not isinstance(payload, Fields):
        return
    for name, draft in drafts.items():
        if not isinstance(draft, Settings):
            continue
        given = draft.nodes.get("payload")
        if given is not None:
            table.scope.later(partial(check_fields, given, payload, "the payload"))
        elif alone and (needed := next((field for field in payload.fields if field.required), None)):
            message = f"the payload of this trigger lacks `{needed.name}`"
            help = f"add `payload = {{ {needed.name} = ... }}`, or give the field a default"
            table[name]["cron"].report(codes.VALUE_MISFIT, message, help, at="key")
