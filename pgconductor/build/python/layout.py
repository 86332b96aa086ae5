"""Line breaks that `ruff format` leaves alone, whatever line length the user's project has set.

A statement of at most 79 columns stays on one line. A longer one opens its brackets, last ones first, one item a line
with a comma after the last: ruff never closes those. Unions and texts cannot be broken so, and are marked
`# fmt: skip` where they are too long.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 79


@dataclass(frozen=True, slots=True)
class Group:
    """Items in brackets.

    Attributes:
        head: with the opening bracket: "Task[".
        tail: the closing bracket.
    """

    head: str
    items: tuple[Source, ...]
    tail: str


@dataclass(frozen=True, slots=True)
class Either:
    """A union: its members with `|` between them."""

    members: tuple[Source, ...]


# Text, a bracket, a union, or several of them in a row.
Source: TypeAlias = "str | Group | Either | tuple[Source, ...]"


def flat(source: Source) -> str:
    """On one line."""
    match source:
        case str():
            return source
        case Group(head, items, tail):
            return head + ", ".join(map(flat, items)) + tail
        case Either(members):
            return " | ".join(map(flat, members))
        case _:
            return "".join(map(flat, source))


def width(text: str) -> int:
    """Columns of a text, as ruff counts them: two for the wide characters of East Asia."""
    if text.isascii():
        return len(text)
    # One Unicode version for every Python, so that all of them break the same lines.
    return sum(2 if unicodedata.ucd_3_2_0.east_asian_width(char) in "WF" else 1 for char in text)


def call(head: str, argument: str, indent: int) -> str:
    """A call with one argument, over several lines if it is long."""
    return _lay(Group(head, (argument,), ")"), indent, indent, 0)


def statement(*parts: Source, indent: int = 0) -> str:
    """A simple statement, to be written at a margin of `indent` spaces."""
    text = _lay(parts, indent, indent, 0)
    unstable = any(width(line) > WIDTH for line in (" " * indent + text).split("\n")) or _splits_union(parts, text)
    return f"{text}  # fmt: skip" if unstable else text


def class_header(name: str, bases: tuple[str, ...]) -> str:
    """The first line or lines of a class."""
    return _lay(Group(f"class {name}(", bases, ")"), 0, 0, 1) + ":"


def method_header(name: str, returns: str, indent: int) -> str:
    """The first line or lines of a method without parameters."""
    line = f"def {name}(self) -> {returns}:"
    if indent + len(line) <= WIDTH:
        return line
    margin = " " * indent
    last = f"{margin}) -> {returns}:"
    return f"def {name}(\n{margin}    self,\n{last}" + ("" if len(last) <= WIDTH else "  # fmt: skip")


def _lay(source: Source, indent: int, column: int, after: int) -> str:
    """The source, beginning at `column` with `after` columns behind it, broken where it is too long."""
    text = flat(source)
    if column + width(text) + after <= WIDTH:
        return text
    match source:
        case str():
            return source
        case Group():
            return _open(source, indent)
        case Either(members):
            inner = "\n" + " " * (indent + 4)
            rows = [_lay(member, indent + 4, indent + 6, 0) for member in members]
            return f"({inner}{f'{inner}| '.join(rows)}\n{' ' * indent})"
        case _:
            return _lay_row(source, indent, column, after)


def _lay_row(parts: tuple[Source, ...], indent: int, column: int, after: int) -> str:
    """Several parts in a row: as few of them opened as possible, from the end."""
    groups = [index for index, part in enumerate(parts) if not isinstance(part, str)]
    text = flat(parts)
    for count in range(1, len(groups) + 1):
        opened = groups[-count:]
        laid = [_lay(part, indent, WIDTH, 1) if i in opened else flat(part) for i, part in enumerate(parts)]
        text = "".join(laid)
        lines = (" " * column + text + " " * after).split("\n")
        if all(width(line) <= WIDTH for line in lines):
            break
    return text


def _open(group: Group, indent: int) -> str:
    inner = indent + 4
    margin = " " * inner
    if group.head.endswith("[") and len(group.items) == 1 and group.head != "[":
        # A comma would make a tuple of the argument; without one, ruff keeps the bracket open only around an open one.
        text = _lay(group.items[0], inner, inner, 0)
        return f"{group.head}\n{margin}{text}\n{' ' * indent}{group.tail}" if "\n" in text else flat(group)
    lines = "".join(f"{margin}{_lay(item, inner, inner, 1)},\n" for item in group.items)
    return f"{group.head}\n{lines}{' ' * indent}{group.tail}"


def _splits_union(source: Source, text: str) -> bool:
    """Whether a union takes several lines."""
    match source:
        case str():
            return False
        case Group(_, items):
            return any(_splits_union(item, text) for item in items)
        case Either(members):
            return flat(source) not in text or any(_splits_union(member, text) for member in members)
        case _:
            return any(_splits_union(part, text) for part in source)
