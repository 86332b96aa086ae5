"""A TOML document with the position of every key and value.

`tomllib` gives the values. The positions come from a scanner of our own that runs only when there is a diagnostic to
print: it relies on the document being valid, which tomllib has then established. It understands TOML 1.0 and what 1.1
relaxes (newlines and a trailing comma in inline tables).

Offsets count characters of the text after CRLF became LF, which is also what tomllib's own positions mean.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

KeyPath: TypeAlias = "tuple[str | int, ...]"
Range: TypeAlias = "tuple[int, int]"

_BLANK = re.compile(r"[ \t]*")
_SKIP = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}' r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a key and its value stand. A table opened by a header has no value of its own."""

    key: Range
    value: Range | None


@dataclass(frozen=True, slots=True)
class Position:
    """One stretch of one line. `line` and `col` count from 1, `end` is the column after the last character."""

    line: int
    col: int
    end: int


@dataclass(frozen=True)
class Source:
    """One TOML file that parsed.

    Attributes:
        name: how diagnostics call the file.
        text: with LF line ends.
        values: what tomllib made of it.
        directory: that paths inside it are relative to.
    """

    name: str
    text: str
    values: dict[str, Any]
    directory: Path

    @classmethod
    def parse(cls, name: str, text: str, directory: Path) -> Source:
        """Parse a document.

        Raises:
            ValueError: it is not TOML (a TOMLDecodeError), or has a number beyond what Python converts.
            RecursionError: it nests arrays or tables beyond what tomllib can follow.
        """
        # tomllib is given the original: after a first replacement its own would find "\r\n" again in "\r\r\n".
        return cls(name, text.replace("\r\n", "\n"), tomllib.loads(text), directory)

    @cached_property
    def spans(self) -> dict[KeyPath, Span]:
        return scan(self.text)

    @cached_property
    def lines(self) -> list[str]:
        # Not splitlines(): U+2028 and friends do not end a line in TOML, nor in editors.
        return self.text.split("\n")

    def find(self, path: KeyPath, at: Literal["key", "value"] = "value", part: Range | None = None) -> Position | None:
        """The position of a key or value; of the nearest table around it if it is absent.

        Args:
            part: a stretch of a string value, in characters of the string as parsed.

        Returns:
            None for the document as a whole.
        """
        while path not in self.spans:
            if not path:
                return None
            path, at, part = path[:-1], "key", None
        span = self.spans[path]
        if at == "key" or span.value is None:
            return self.position(*span.key)
        if part is not None and (inner := self._inside(path, span.value, part)):
            return self.position(*inner)
        return self.position(*span.value)

    def _inside(self, path: KeyPath, value: Range, part: Range) -> Range | None:
        """A stretch of a string in offsets of the document, unless escapes make the two incomparable."""
        text: Any = self.values
        for key in path:
            text = text[key]
        raw = self.text[slice(*value)]
        opening = 3 if raw.startswith(('"""', "'''")) else 1
        if opening == 3 and raw.startswith("\n", 3):
            opening += 1
        start = value[0] + opening
        if not self.text.startswith(text, start):
            return None
        return start + part[0], start + part[1]

    def position(self, start: int, end: int) -> Position:
        line = self.text.count("\n", 0, start) + 1
        line_start = self.text.rfind("\n", 0, start) + 1
        line_end = len(self.lines[line - 1]) + line_start
        col = start - line_start + 1
        return Position(line, col, max(col + 1, min(end, line_end) - line_start + 1))


def scan(text: str) -> dict[KeyPath, Span]:
    """The span of every key, table and array item of a valid TOML document with LF line ends."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.spans: dict[KeyPath, Span] = {}
        self.last_item: dict[KeyPath, int] = {}  # of each array of tables: its last index

    def run(self) -> dict[KeyPath, Span]:
        table: KeyPath = ()
        while self.peek_after(_SKIP):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
        return self.spans

    def peek_after(self, ignored: re.Pattern[str]) -> str:
        """The character that follows what is ignored; empty at the end."""
        self.at = self.end_of(ignored)
        return self.text[self.at : self.at + 1]

    def end_of(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        assert match is not None, "tomllib accepted what the scanner does not"
        return match.end()

    def header(self) -> KeyPath:
        brackets = 2 if self.text.startswith("[[", self.at) else 1
        self.at += brackets
        keys = self.dotted_key()
        self.at += brackets
        path: KeyPath = ()
        for name, span in keys[:-1]:
            path = self.last_of((*path, name))
            self.put(path, span)
        name, span = keys[-1]
        path = (*path, name)
        self.put(path, span)
        if brackets == 2:
            self.last_item[path] = self.last_item.get(path, -1) + 1
            path = self.last_of(path)
            self.put(path, span)
        return path

    def last_of(self, path: KeyPath) -> KeyPath:
        return (*path, self.last_item[path]) if path in self.last_item else path

    def put(self, path: KeyPath, key: Range, value: Range | None = None) -> None:
        self.spans.setdefault(path, Span(key, value))

    def dotted_key(self) -> list[tuple[str, Range]]:
        keys = []
        while True:
            self.at = self.end_of(_BLANK)
            keys.append(self.simple_key())
            if self.peek_after(_BLANK) != ".":
                return keys
            self.at += 1

    def simple_key(self) -> tuple[str, Range]:
        start = self.at
        quoted = self.text[start] in "\"'"
        self.at = self.end_of(_STRING if quoted else _BARE_KEY)
        raw = self.text[start : self.at]
        name = next(iter(tomllib.loads(f"{raw}=0"))) if quoted else raw
        return name, (start, self.at)

    def pair(self, table: KeyPath) -> None:
        keys = self.dotted_key()
        self.at += 1  # the "="
        path = table
        for name, span in keys[:-1]:
            path = (*path, name)
            self.put(path, span)
        name, span = keys[-1]
        self.value((*path, name), span)

    def value(self, path: KeyPath, key: Range | None) -> None:
        first = self.peek_after(_BLANK)
        start = self.at
        if first in "\"'":
            self.at = self.end_of(_STRING)
        elif first == "[":
            self.array(path)
        elif first == "{":
            self.inline_table(path)
        else:
            self.at = start + len(self.text[start : self.end_of(_BARE_VALUE)].rstrip())
        span = (start, self.at)
        self.put(path, key or span, span)

    def array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while (first := self.peek_after(_SKIP)) != "]":
            if first == ",":
                self.at += 1
                continue
            self.value((*path, index), None)
            index += 1
        self.at += 1

    def inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while (first := self.peek_after(_SKIP)) != "}":
            if first == ",":
                self.at += 1
                continue
            self.pair(path)
        self.at += 1
