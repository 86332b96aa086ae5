"""Readers: each takes a node and gives the value, or reports and raises Bad; and each tells editors what it takes.

What editors are told is JSON Schema, of the part that Taplo and Tombi both know: draft 7 without conditions, with plain
`type`, `enum`, `pattern` and `anyOf`, and patterns without look-around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from pgconductor.config.node import Node
from pgconductor.config.scope import Names

T = TypeVar("T")

JsonSchema: TypeAlias = "dict[str, Any]"
Describe: TypeAlias = Callable[[Names], JsonSchema]


@dataclass(frozen=True, slots=True)
class Reader(Generic[T]):
    """Reads one kind of value.

    Attributes:
        read: gives the value, or raises Bad after reporting.
        schema: what an editor may expect, given the names that the project declares.
    """

    read: Callable[[Node], T]
    schema: Describe

    def __call__(self, node: Node) -> T:
        return self.read(node)


def takes(schema: JsonSchema | Describe) -> Callable[[Callable[[Node], T]], Reader[T]]:
    """Make a reader of a function.

    >>> @takes({"type": "boolean"})
    ... def flag(node): return bool(node.value)
    >>> flag.schema(Names())
    {'type': 'boolean'}
    """
    describe = schema if callable(schema) else lambda names: dict(schema)
    return lambda read: Reader(read, describe)


def text_like(pattern: str, *examples: str) -> JsonSchema:
    """Texts of one form, as a whole."""
    found: JsonSchema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return {**found, "examples": list(examples)} if examples else found


def one_of(words: Any) -> JsonSchema:
    """One of a few texts."""
    return {"type": "string", "enum": list(words)}


def either(*schemas: JsonSchema) -> JsonSchema:
    """What one of them takes."""
    return {"anyOf": list(schemas)}


def table_of(pattern: str, entry: JsonSchema, known: dict[str, JsonSchema] | None = None) -> JsonSchema:
    """A table whose keys are names of one form; the known ones are offered."""
    found: JsonSchema = {"type": "object", "additionalProperties": False}
    if known:
        found["properties"] = known
    return {**found, "patternProperties": {f"^(?:{pattern})$": entry}}
