"""Tables with fixed keys: which there are, how each is read, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from pgconductor.config import codes
from pgconductor.config.codes import Code
from pgconductor.config.node import Bad, Node
from pgconductor.config.reader import JsonSchema
from pgconductor.config.scope import Names
from pgconductor.config.suggestion import did_you_mean, listed
from pgconductor.duration import format_duration


class Reads(Protocol):
    """What reads the value of a key: a Reader, or the Shape of a table."""

    @property
    def schema(self) -> Callable[[Names], JsonSchema]: ...

    def __call__(self, node: Node, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table.

    Attributes:
        field: its name in the model.
        read: gives the value, or raises Bad after reporting.
        doc: what it means, for people who point at it in their editor.
        required: must be present.
    """

    field: str
    read: Reads
    doc: str
    required: bool = False


@dataclass(slots=True)
class Settings:
    """What one table says, by the model's field names, with the node that each value came from."""

    values: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)

    def put(self, field: str, value: Any, node: Node) -> None:
        self.values[field] = value
        self.nodes[field] = node

    def over(self, base: Settings) -> Settings:
        """These settings on top of others. Settings of sub-tables merge key by key, all else is replaced."""
        merged = Settings({**base.values}, {**base.nodes})
        for name, value in self.values.items():
            below = base.values.get(name)
            if isinstance(value, Settings) and isinstance(below, Settings):
                value = value.over(below)
            merged.put(name, value, self.nodes[name])
        return merged

    def without(self, other: Settings) -> Settings:
        """These settings but for what the others say too; of sub-tables, the keys that the others leave open."""
        rest = Settings()
        for name, value in self.values.items():
            theirs = other.values.get(name)
            if isinstance(value, Settings) and isinstance(theirs, Settings):
                value = value.without(theirs)
                if not value.values:
                    continue
            elif name in other.values:
                continue
            rest.put(name, value, self.nodes[name])
        return rest

    def only(self, names: set[str]) -> Settings:
        """The settings of these fields."""
        kept = [name for name in self.values if name in names]
        return Settings({name: self.values[name] for name in kept}, {name: self.nodes[name] for name in kept})


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of one kind of table.

    Attributes:
        refused: keys that are known elsewhere, with the code and the help to give for them here.
        model: what the table is read into; its defaults are those of the keys.
    """

    keys: Mapping[str, Key]
    refused: Mapping[str, tuple[Code, str]] = field(default_factory=dict)
    model: type[BaseModel] | None = None

    def __call__(self, node: Node) -> Settings:
        return self.read(node)

    def schema(self, names: Names) -> JsonSchema:
        """What an editor may expect of such a table."""
        properties = {name: self._described(key, names) for name, key in self.keys.items()}
        found: JsonSchema = {"type": "object", "additionalProperties": False, "properties": properties}
        required = [name for name, key in self.keys.items() if key.required]
        return {**found, "required": required} if required else found

    def _described(self, key: Key, names: Names) -> JsonSchema:
        schema = key.read.schema(names)
        default = {} if self.model is None or key.required else _default(self.model, key.field, schema)
        return {**schema, "description": key.doc, **default}

    def read(self, node: Node) -> Settings:
        """Everything the table says that could be read; every other key is reported.

        Raises:
            Bad: it is not a table.
        """
        if not isinstance(node.value, dict):
            raise node.wrong_type("a table")
        settings = Settings()
        for name, child in node.items():
            key = self.keys.get(name)
            if key is None:
                self._refuse(name, child, node)
                continue
            with suppress(Bad):
                settings.put(key.field, key.read(child), child)
        for name, key in self.keys.items():
            if key.required and name not in node.value:
                node.report(codes.MISSING_KEY, f"`{name}` is missing in {node.header}", at="key")
        return settings

    def _refuse(self, name: str, child: Node, table: Node) -> None:
        if name in self.refused:
            code, reason = self.refused[name]
            child.report(code, f"`{name}` cannot stand in {table.header}", reason, at="key")
            return
        help = did_you_mean(name, self.keys, f"known keys: {listed(self.keys)}")
        child.report(codes.UNKNOWN_KEY, f"unknown key `{name}` in {table.header}", help, at="key")


def _default(model: type[BaseModel], name: str, schema: JsonSchema) -> JsonSchema:
    """The default of a field as a person would write it, where it is plain values."""
    field = model.model_fields.get(name)
    value = None if field is None or field.is_required() else field.default
    if isinstance(value, int) and not isinstance(value, bool) and name.endswith("_ms"):
        return {"default": format_duration(value)}
    if isinstance(value, int) and schema.get("type") == "string":
        return {}  # in other units than people write: its help says what it is
    if isinstance(value, tuple) and value and all(isinstance(item, str) for item in value):
        return {"default": list(value)}
    return {"default": value} if isinstance(value, bool | int | float | str) else {}
