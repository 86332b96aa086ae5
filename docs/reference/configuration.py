"""configuration.md: every key of conductor.toml, from the schema that editors get of what reads the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pgconductor.config import readers
from pgconductor.config.editor import schema
from pgconductor.config.model import Retry
from pgconductor.config.reader import JsonSchema
from pgconductor.config.scope import Names
from pgconductor.config.tasks import CONTRACT
from pgconductor.config.typeexpr import GENERICS, SCALARS
from pgconductor.duration import format_duration

INTRODUCTION = """\
# conductor.toml

Every key, its type and its default, written by `python -m docs.reference` from what reads the file. The
[guide](../guides/configuration.md) shows them at work. A key that is not here is an error, with a suggestion.

- A **duration** is a text with units: `"250ms"`, `"30s"`, `"1h30m"`, `"7d"` (ms, s, m, h, d, w).
- A **reference** names Python code by its place: `"shop.mail:send_email"`. It is never imported to read the file.
- A **type** is an expression in Python's own syntax: {scalars}, {generics}, `Literal['a', 1]`, `A | B`, and the names
  of `[types]`. Constraints are written as a call: `"int(ge=1, le=100)"`, `"list[Line](min_length=1)"`.
- **Fields** are a table of names and types. `"note?" = "str"` may be left out, and is None then.
"""
# Tables in the order of a file, each with the heading that it has there.
TABLES = {
    "conductor": "[conductor]",
    "database": "[database]",
    "generate": "[generate]",
    "queues": "[queues.NAME]",
    "tasks": "[tasks.NAME]",
    "types": "[types.NAME]",
    "events": '[events."NAME"]',
    "defaults": "[defaults]",
    "env": "[env.NAME]",
    "moved": "[[moved]]",
    "removed": "[[removed]]",
    "dev": "[dev]",
}
NOTES = {
    "database": "`${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$` are expanded here and in `[dev]`, when a "
    "command runs; an unset variable is an error.",
    "types": "One of three: `enum`, `ref`, or fields.",
    "defaults": "`[defaults.task]` takes the keys of a task that can be tuned, `[defaults.queue]` those of a queue.",
    "env": "`[env.NAME.database]`, `[env.NAME.dev]`, `[env.NAME.defaults.task]`, `[env.NAME.defaults.queue]`, "
    "`[env.NAME.queues.QUEUE]` and `[env.NAME.tasks.TASK]` say what is different there. Tasks may differ in what can "
    "be tuned, not in what they are: {contract} are the same everywhere.",
}
# Described by what they repeat.
REPEATED = ("defaults", "env")
DURATIONS = {
    str(readers.duration_schema()["pattern"]): "duration",
    str(readers.duration_schema(forever=True)["pattern"]): 'duration or `"forever"`',
}
# Names that the project declares; here there are none but one.
TYPES = {
    "queue": "name of a queue",
    "pending.move_to": "name of a queue",
    "event": "name of an event",
    "triggers": "tables",
}
# What the schema has no plain value for.
DEFAULTS = {"retry.schedule": "[" + ", ".join(f'"{format_duration(delay)}"' for delay in Retry().delays_ms) + "]"}


def page() -> str:
    whole = schema(Names())
    scalars = ", ".join(f"`{name}`" for name in SCALARS)
    generics = ", ".join(f"`{name}[...]`" for name in GENERICS)
    parts = [INTRODUCTION.format(scalars=scalars, generics=generics)]
    for name, heading in TABLES.items():
        found = whole["properties"][name]
        parts.append(f"## {heading}\n\n{found['description']}\n")
        if note := NOTES.get(name):
            parts.append(note.replace("{contract}", ", ".join(f"`{key}`" for key in CONTRACT)) + "\n")
        if name not in REPEATED:
            parts.extend(_sections(_entry(found), heading))
    return "\n".join(parts)


def _entry(table: JsonSchema) -> JsonSchema:
    """The table itself, or what each of its named tables or elements is."""
    inner = table.get("items", table)
    for entry in inner.get("patternProperties", {}).values():
        return dict(entry)
    return dict(inner)


def _sections(table: JsonSchema, heading: str) -> Iterator[str]:
    rows = list(_rows(table, ""))
    if rows:
        yield "\n".join(["| key | type | default | |", "|---|---|---|---|", *rows]) + "\n"
    if triggers := table.get("properties", {}).get("triggers"):
        for kind in _entry(triggers)["anyOf"]:
            key = kind["required"][0]
            yield f"### {heading[:-1]}.triggers.NAME] with `{key}`\n"
            yield from _sections(kind, heading)


def _rows(table: JsonSchema, prefix: str) -> Iterator[str]:
    required = {*table.get("required", ())}
    for choice in table.get("anyOf", ()) if prefix else ():
        required.update(choice.get("required", ()))
    for key, found in _properties(table).items():
        name = prefix + key
        default = "required" if key in required else _default(name, found)
        cells = (f"`{name}`", TYPES.get(name) or _type(found), default, found.get("description", ""))
        yield f"| {' | '.join(map(_cell, cells))} |"
        if key != "triggers":
            yield from _rows(found, f"{name}.")


def _properties(table: JsonSchema) -> Mapping[str, Any]:
    """Its fixed keys, and those of the tables that it may be instead."""
    found = dict(table.get("properties", {}))
    for choice in table.get("anyOf", ()):
        found.update(choice.get("properties", {}))
    return found


def _default(name: str, found: JsonSchema) -> str:
    if name in DEFAULTS:
        return f"`{DEFAULTS[name]}`"
    value = found.get("default")
    return "" if value is None else f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            return str(value)


def _type(found: JsonSchema) -> str:
    if "anyOf" in found:
        return " or ".join(dict.fromkeys(_type(choice) for choice in found["anyOf"]))
    if "$ref" in found:
        return {"zone": "time zone", "type": "type"}[found["$ref"].rpartition("/")[2]]
    if "enum" in found:
        return ", ".join(f'`"{word}"`' for word in found["enum"])
    match found.get("type"):
        case "string":
            return _text(found)
        case "array":
            return f"list of {_type(found['items'])}"
        case "object":
            return "fields" if "patternProperties" in found and "properties" not in found else "table"
        case "integer" | "number" as kind:
            least, most = found["minimum"], found["maximum"]
            return f"`{least}`" if least == most else f"{kind}, {least} to {most}"
        case "boolean":
            return "`true`, `false`"
        case _:
            return "any value"


def _text(found: JsonSchema) -> str:
    pattern = str(found.get("pattern", ""))
    if pattern in DURATIONS:
        return DURATIONS[pattern]
    if "):(" in pattern:
        return "reference"
    return "text"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
