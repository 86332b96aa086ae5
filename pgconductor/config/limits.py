"""`concurrency`, `rate_limit`, `dedupe` and `batch`, and the payload fields they are counted by."""

from __future__ import annotations

import re
from typing import Any

from pgconductor.config import codes, readers
from pgconductor.config.model import Batch, Concurrency, Dedupe, RateLimit
from pgconductor.config.node import Bad, Node
from pgconductor.config.rates import rate
from pgconductor.config.reader import either, one_of, takes, text_like
from pgconductor.config.shape import Key, Settings, Shape
from pgconductor.config.suggestion import did_you_mean, listed
from pgconductor.config.types import (
    Constrained,
    Enum,
    Fields,
    Generic,
    LiteralType,
    Payload,
    Scalar,
    Shared,
    SharedType,
    TypeExpr,
    Union,
)

_PAYLOAD_KEY = re.compile(r"payload\.([a-z][a-z0-9_]*)")
_TEMPLATE = re.compile(r"\{\{|\}\}|\{(?P<field>[a-z][a-z0-9_]*)\}|[^{}]+|(?P<wrong>\{[^{}]*\}?|\})")
# Values without a text of their own that two payloads would agree on.
_NOT_KEYS = ("json", "any", "None", "float", "bytes")


@takes(text_like(_PAYLOAD_KEY.pattern, "payload.tenant"))
def _payload_key(node: Node) -> str:
    text = readers.text(node)
    if not _PAYLOAD_KEY.fullmatch(text):
        bare = text.strip("{}").removeprefix("payload.")
        fits = _PAYLOAD_KEY.fullmatch(f"payload.{bare}")
        help = f'write "payload.{bare}"' if fits else 'write "payload.field"'
        raise node.report(codes.KEY_TEMPLATE, f"`{text}` does not name a field of the payload", help)
    return text


@takes({"type": "string", "minLength": 1, "examples": ["{order_id}"]})
def _template(node: Node) -> str:
    text = readers.text(node)
    for piece in _TEMPLATE.finditer(text):
        if piece["wrong"]:
            bare = piece["wrong"].strip("{}").removeprefix("payload.")
            fits = re.fullmatch(r"[a-z][a-z0-9_]*", bare)
            help = f"write `{{{bare}}}`" if fits else "fields stand in braces, `{order_id}`; double a brace of its own"
            message = f"`{piece['wrong']}` is not a field of the payload"
            raise node.report(codes.KEY_TEMPLATE, message, help, part=piece.span())
    return text


@takes(either(one_of(("pending", "active")), readers.duration_schema()))
def _scope(node: Node) -> str | int | None:
    if node.value in ("pending", "active"):
        return str(node.value)
    if isinstance(node.value, str) and not node.value[:1].isdigit():
        help = did_you_mean(node.value, ("pending", "active"), '"pending", "active", or a duration such as "7d"')
        raise node.report(codes.CHOICE, f"`{node.value}` is not a choice for `scope`", help)
    return readers.duration(1)(node)


_CONCURRENCY = Shape(
    {
        "limit": Key("limit", readers.integer(1, 100_000), "The most at once, across all workers."),
        "key": Key("key", _payload_key, 'The field that `per_key` counts by: "payload.tenant".'),
        "per_key": Key("per_key", readers.integer(1, 100_000), "The most at once for one value of the key."),
    }
)
_RATE_LIMIT = Shape(
    {
        "rate": Key("rate", rate, 'How many in how long: "300/m", "10/30s".', required=True),
        "key": Key("key", _payload_key, 'The field whose values are counted apart: "payload.tenant".'),
    }
)
_DEDUPE = Shape(
    {
        "key": Key("key", _template, 'What makes two executions the same: fields in braces, "{order_id}".'),
        "scope": Key(
            "scope",
            _scope,
            "As long as the other is pending, as long as it is active, or for a time after its enqueue.",
        ),
        "conflict": Key(
            "conflict", readers.choice("skip", "replace"), "The later one is skipped, or replaces the payload."
        ),
    },
    model=Dedupe,
)
_BATCH = Shape(
    {
        "size": Key("size", readers.integer(1, 10_000), "The most items that a handler gets at once."),
        "max_wait": Key("max_wait_ms", readers.duration(0, 24 * 3_600_000), "How long it waits for more of them."),
    },
    model=Batch,
)


@takes(lambda names: either(readers.integer(1, 100_000).schema(names), _CONCURRENCY.schema(names)))
def concurrency(node: Node) -> Concurrency:
    """`3`, or a table of `limit`, `key` and `per_key`."""
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return Concurrency(limit=readers.integer(1, 100_000)(node))
    if not isinstance(node.value, dict):
        raise node.wrong_type(
            "a number or a table", 'write `3`, or `{ limit = 20, key = "payload.tenant", per_key = 2 }`'
        )
    values = _whole(_CONCURRENCY, node)
    for one, other, help in (
        ("key", "per_key", "add `per_key`: how many at once for one value of the key"),
        ("per_key", "key", 'add `key = "payload.field"`: what it counts by'),
    ):
        if one in values and other not in values:
            raise node[one].report(codes.CONFLICT, f"`{one}` has no effect without `{other}`", help, at="key")
    if not values:
        raise node.report(codes.MISSING_KEY, "`limit` is missing", at="key")
    limit, per_key = values.get("limit"), values.get("per_key")
    if limit and per_key and per_key > limit:
        raise node["per_key"].report(codes.CONFLICT, f"`per_key` is greater than `limit`, which is {limit}")
    return Concurrency(**{"limit": None, **values})


@takes(lambda names: either(rate.schema(names), _RATE_LIMIT.schema(names)))
def rate_limit(node: Node) -> RateLimit:
    """`"300/m"`, or a table of `rate` and `key`."""
    if isinstance(node.value, str):
        count, per_ms = rate(node)
        return RateLimit(count=count, per_ms=per_ms)
    if not isinstance(node.value, dict):
        raise node.wrong_type("a rate or a table", 'write `"300/m"`, or `{ rate = "300/m", key = "payload.tenant" }`')
    values = _whole(_RATE_LIMIT, node)
    count, per_ms = values["rate"]
    return RateLimit(count=count, per_ms=per_ms, key=values.get("key"))


@takes(_DEDUPE.schema)
def dedupe(node: Node) -> Dedupe:
    """A table of `key`, `scope` and `conflict`."""
    found = Dedupe(**_whole(_DEDUPE, node))
    if found.conflict == "replace" and found.scope != "pending":
        help = "only executions that have not begun can be replaced: leave `scope` out, or skip"
        raise node["conflict"].report(codes.CONFLICT, '`replace` goes with the scope "pending" only', help)
    return found


@takes(_BATCH.schema)
def batch(node: Node) -> Batch:
    """A table of `size` and `max_wait`."""
    return Batch(**_whole(_BATCH, node))


def _whole(shape: Shape, node: Node) -> dict[str, Any]:
    """What a table says, if all of it could be read."""
    before = len(node.scope.diagnostics)
    values = shape.read(node).values
    if len(node.scope.diagnostics) > before:
        raise Bad
    return values


def check_keys(settings: Settings, payload: Payload | None, types: dict[str, SharedType]) -> None:
    """Report keys over fields that the payload does not have, or that hold no plain value."""
    if not isinstance(payload, Fields):
        return
    for name in ("concurrency", "rate_limit", "dedupe"):
        limit, node = settings.values.get(name), settings.nodes.get(name)
        if limit is None or node is None or limit.key is None:
            continue
        for field, start, end in _fields(limit.key):
            _check_key(node["key"], field, (start, end), payload, types)


def _fields(key: str) -> list[tuple[str, int, int]]:
    """The fields that a key names, with their places in its text."""
    if match := _PAYLOAD_KEY.fullmatch(key):
        return [(match[1], *match.span(1))]
    return [(piece["field"], *piece.span("field")) for piece in _TEMPLATE.finditer(key) if piece["field"]]


def _check_key(node: Node, name: str, part: tuple[int, int], payload: Fields, types: dict[str, SharedType]) -> None:
    field = payload.get(name)
    if field is None:
        known = [field.name for field in payload.fields]
        help = did_you_mean(name, known, f"known: {listed(known)}" if known else "it has none")
        node.report(codes.UNKNOWN_FIELD, f"the payload has no field `{name}`", help, part=part)
    elif not _is_plain(field.type, types):
        message = f"`{name}` is `{field.type}`, which is no plain value to count by"
        node.report(codes.KEY_TEMPLATE, message, "take a text, a number, a date or an id", part=part)


def _is_plain(expr: TypeExpr, types: dict[str, SharedType]) -> bool:
    match expr:
        case Scalar(name):
            return name not in _NOT_KEYS
        case Shared(name):
            return isinstance(types.get(name, Enum(())), Enum)
        case Union(members):
            return all(_is_plain(member, types) for member in members if member != Scalar("None"))
        case Constrained(base):
            return _is_plain(base, types)
        case LiteralType():
            return True
        case Generic():
            return False
