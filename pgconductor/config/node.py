"""A value of the document with the place it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal

from pgconductor.config import codes
from pgconductor.config.codes import Code
from pgconductor.config.diagnostic import Diagnostic, Fix, Place, Related
from pgconductor.config.scope import Scope
from pgconductor.config.source import KeyPath, Range, Source
from pgconductor.config.suggestion import Help, Suggestion

At = Literal["key", "value"]

# What a value is called in messages. A boolean is an integer to Python and a datetime is a date: order matters.
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a number"),
    (str, "a string"),
    (datetime, "a datetime"),
    (date, "a date"),
    (time, "a time"),
    (list, "an array"),
    (dict, "a table"),
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Bad(Exception):
    """A value could not be read. The reason is reported already: whoever catches this goes on with the rest."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document."""

    value: Any
    path: KeyPath
    source: Source
    scope: Scope

    def __getitem__(self, key: str | int) -> Node:
        return Node(self.value[key], (*self.path, key), self.source, self.scope)

    def get(self, key: str) -> Node | None:
        """The value of a key, if this is a table that has it."""
        return self[key] if isinstance(self.value, dict) and key in self.value else None

    def items(self) -> Iterator[tuple[str, Node]]:
        """The keys of a table and their values; of anything else, none after saying so."""
        if not isinstance(self.value, dict):
            self.wrong_type("a table")
            return
        for key in self.value:
            yield key, self[key]

    def elements(self) -> Iterator[Node]:
        """The items of an array."""
        for index in range(len(self.value)):
            yield self[index]

    @property
    def name(self) -> str:
        """The key this value stands under."""
        return str(self.path[-1])

    @property
    def header(self) -> str:
        """The table as its header would be written: `[tasks.send_email]`."""
        path = [part for part in self.path if isinstance(part, str)]
        return f"[{'.'.join(part if _BARE.fullmatch(part) else _quoted(part) for part in path)}]"

    def report(
        self,
        code: Code,
        message: str,
        help: Help = None,
        *,
        at: At = "value",
        part: Range | None = None,
        related: tuple[Node, str] | None = None,
    ) -> Bad:
        """Note a problem of this value, or of a part of its text. Raise what is returned to give the value up."""
        second = Related(related[0].place("key"), related[1]) if related else None
        fix = Fix(help.word, help.meant) if isinstance(help, Suggestion) and help.sure else None
        said = None if help is None else str(help)
        self.scope.diagnostics.append(Diagnostic(code.code, message, self.place(at, part), said, second, fix=fix))
        return Bad()

    def wrong_type(self, expected: str, help: str | None = None) -> Bad:
        return self.report(codes.WRONG_TYPE, f"`{self.label}` must be {expected}, not {kind_of(self.value)}", help)

    @property
    def label(self) -> str:
        """The key for messages: `timeout`, or `windows[2]` for an item."""
        name = ""
        for part in reversed(self.path):
            if isinstance(part, str):
                return part + name
            name = f"[{part}]{name}"
        return "the document"

    def place(self, at: At = "value", part: Range | None = None) -> Place:
        found = self.source.find(self.path, at, part)
        if found is None:
            return Place(self.source.name)
        return Place.in_line(self.source.name, found.line, found.col, found.end, self.source.lines[found.line - 1])


def kind_of(value: object) -> str:
    """What a TOML value is called: `an integer`, `a string`."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "nothing")


def _quoted(key: str) -> str:
    return f'"{key}"'
