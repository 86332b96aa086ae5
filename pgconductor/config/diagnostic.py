"""Problems of a configuration, as data, and how they are shown to people, editors and GitHub."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pgconductor.errors import ConfigError

Format: TypeAlias = Literal["text", "json", "github"]

# Lines longer than this are cut around the caret: an inline table or minified JSON can be any length.
WIDEST = 160
LONGEST = 400

_PASSWORD = re.compile(r"(://[^:/@\s\"']*:|password\s*=\s*)(?!\$\{)([^@\s\"']+)", re.IGNORECASE)
_BOLD, _RED, _BLUE, _RESET = "\033[1m", "\033[1;31m", "\033[1;34m", "\033[0m"


@dataclass(frozen=True, slots=True)
class Place:
    """Where: one stretch of one line of a file, or a file as a whole (`line` 0).

    Attributes:
        file: its path, relative to the working directory of the command where that is possible.
        line: from 1.
        col: from 1, in characters, whatever their width.
        end: the column after the last character.
        text: the line itself, with passwords masked.
    """

    file: str
    line: int = 0
    col: int = 0
    end: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}" if self.line else self.file

    @classmethod
    def in_line(cls, file: str, line: int, col: int, end: int, text: str) -> Place:
        """A place in a line whose passwords are replaced, character by character so that columns stay."""
        return cls(file, line, col, end, _PASSWORD.sub(lambda m: m[1] + "*" * len(m[2]), text))


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that belongs to the problem, such as the first of two declarations."""

    place: Place
    label: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A word at the place of a problem, and the one to put in its stead."""

    word: str
    meant: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem.

    Attributes:
        code: `CFG201`; `pgconductor.config.codes` explains each.
        message: what is wrong, one line.
        place: where.
        help: what to do about it, one line.
        related: the other place, for what is wrong between two.
        notes: what else there is to know, one line each.
        fix: what `check --fix` does about it, where that is beyond doubt.
    """

    code: str
    message: str
    place: Place
    help: str | None = None
    related: Related | None = None
    notes: tuple[str, ...] = ()
    fix: Fix | None = None

    def __post_init__(self) -> None:
        # They quote what stands in the file, which may hold line breaks, control characters, or a whole novel.
        object.__setattr__(self, "message", _one_line(self.message))
        object.__setattr__(self, "help", _one_line(self.help) if self.help else None)
        object.__setattr__(self, "notes", tuple(map(_one_line, self.notes)))

    def __str__(self) -> str:
        return _text(self, color=False)


class InvalidConfig(ConfigError):
    """conductor.toml cannot be used.

    Attributes:
        diagnostics: every problem found, in the order of their places.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return render(self.diagnostics, "text").rstrip("\n")


def render(diagnostics: Iterable[Diagnostic], format: Format, *, color: bool = False) -> str:
    """All diagnostics for people (`text`), for programs (`json`) or as GitHub workflow commands (`github`)."""
    match format:
        case "text":
            return "".join(_text(item, color=color) + "\n\n" for item in diagnostics).removesuffix("\n")
        case "json":
            return json.dumps([_json(item) for item in diagnostics], indent=2) + "\n"
        case "github":
            return "".join(_github(item) + "\n" for item in diagnostics)


def _text(item: Diagnostic, *, color: bool) -> str:
    """The picture in CONFIG.md: message, arrow, source line, caret, help."""
    related = item.related
    numbers = [place.line for place in (item.place, related and related.place) if place]
    margin = " " * len(str(max(numbers)))
    rows = [f"{_paint(f'error[{item.code}]', _RED, color)}{_paint(f': {item.message}', _BOLD, color)}"]
    rows.append(f"{margin}{_paint('-->', _BLUE, color)} {item.place}")
    rows += _snippet(item.place, margin, "^", "", color)
    if related:
        rows.append(f"{margin}{_paint(':::', _BLUE, color)} {related.place}")
        rows += _snippet(related.place, margin, "-", f" {related.label}", color)
    rows += [f"{margin} {_paint('=', _BLUE, color)} note: {note}" for note in item.notes]
    if item.help:
        rows.append(f"{margin} {_paint('=', _BLUE, color)} help: {item.help}")
    return "\n".join(rows)


def _snippet(place: Place, margin: str, mark: str, label: str, color: bool) -> list[str]:
    if not place.line:
        return []
    bar = _paint("|", _BLUE, color)
    before, marked, after = _cut(place)
    # Tabs are kept before the caret, so that it lands right whatever the terminal's tab stops.
    indent = "".join("\t" if character == "\t" else " " * _width(character) for character in before)
    carets = mark * max(1, sum(map(_width, marked)))
    line = _printable(before + marked + after)
    return [
        f"{margin} {bar}",
        f"{_paint(str(place.line).rjust(len(margin)), _BLUE, color)} {bar} {line}",
        f"{margin} {bar} {indent}{_paint(carets + label, _RED if mark == '^' else _BLUE, color)}",
    ]


def _cut(place: Place) -> tuple[str, str, str]:
    """The line before, under and after the caret, shortened with an ellipsis if it is very long."""
    start, end = place.col - 1, place.end - 1
    before, marked, after = place.text[:start], place.text[start:end], place.text[end:]
    half = WIDEST // 2
    if len(place.text) > WIDEST:
        before = before if len(before) <= half else "…" + before[-half + 1 :]
        marked = marked if len(marked) <= half else marked[: half - 1] + "…"
        after = after if len(after) <= half else after[: half - 1] + "…"
    return before, marked, after


def _width(character: str) -> int:
    """Terminal columns of a character: 0 for combining marks, 2 for wide ones."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _one_line(text: str) -> str:
    return _printable(text.replace("\t", " ")[:LONGEST] + ("…" if len(text) > LONGEST else ""))


def _printable(line: str) -> str:
    """Without control characters: a broken file must not drive the terminal."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c != "\t" else c for c in line)


def _paint(text: str, code: str, color: bool) -> str:
    return f"{code}{text}{_RESET}" if color else text


def _json(item: Diagnostic) -> dict[str, Any]:
    related = item.related
    return {
        "code": item.code,
        "message": item.message,
        **_json_place(item.place),
        "help": item.help,
        "notes": list(item.notes),
        "fix": {"word": item.fix.word, "meant": item.fix.meant} if item.fix else None,
        "related": {**_json_place(related.place), "label": related.label} if related else None,
    }


def _json_place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.col, "end_column": place.end}


def _github(item: Diagnostic) -> str:
    place = item.place
    properties = {"file": place.file}
    if place.line:
        properties |= {"line": str(place.line), "col": str(place.col), "endColumn": str(place.end)}
    properties["title"] = item.code
    listed = ",".join(f"{key}={_escape(value, ':,')}" for key, value in properties.items())
    lines = [item.message]
    if item.related:
        lines.append(f"{item.related.label}: {item.related.place}")
    lines += [f"note: {note}" for note in item.notes]
    if item.help:
        lines.append(f"help: {item.help}")
    message = "\n".join(lines)
    return f"::error {listed}::{_escape(message)}"


def _escape(text: str, more: str = "") -> str:
    """As GitHub's own toolkit escapes the data and the properties of workflow commands."""
    return "".join(f"%{ord(c):02X}" if c in "%\r\n" + more else c for c in text)
