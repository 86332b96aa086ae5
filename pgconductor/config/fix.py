"""Spelling mistakes that are beyond doubt, mended in place: every other byte stays as it is."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pgconductor.config.diagnostic import Diagnostic, InvalidConfig
from pgconductor.config.model import Config

# A key that is spelt right may show that its value is not: reading and mending alternate, but not for ever.
ROUNDS = 10

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Fixed:
    """One word that was replaced.

    Attributes:
        diagnostic: the problem that there was.
    """

    diagnostic: Diagnostic

    def __str__(self) -> str:
        fix = self.diagnostic.fix
        assert fix is not None
        return f"{self.diagnostic.place}: `{fix.word}` became `{fix.meant}`"


def fix_spelling(read: Callable[[], Config], folder: Path) -> Iterator[Fixed]:
    """Mend what is beyond doubt, until nothing is left that is; each word as it has been replaced.

    Args:
        read: loads the configuration.
        folder: what the file names of its problems are relative to.

    Raises:
        OSError: a file cannot be written.
    """
    for _ in range(ROUNDS):
        try:
            read()
        except InvalidConfig as error:
            fixed = _mend(error.diagnostics, folder)
            yield from map(Fixed, fixed)
            if fixed:
                continue
        return


def _mend(diagnostics: Iterable[Diagnostic], folder: Path) -> list[Diagnostic]:
    """Mend what these problems say, file by file."""
    by_file: dict[str, list[Diagnostic]] = {}
    for item in diagnostics:
        if item.fix is not None and item.place.line:
            by_file.setdefault(item.place.file, []).append(item)
    fixed: list[Diagnostic] = []
    for name, items in by_file.items():
        path = (folder / name).resolve()
        before = path.read_bytes()
        text = before.removeprefix(_MARK).decode()
        # From the end, so that what is before keeps its columns.
        done = []
        for item in sorted(items, key=lambda item: (item.place.line, item.place.col), reverse=True):
            replaced = _replaced(text, item)
            if replaced is not None:
                text = replaced
                done.append(item)
        if done:
            path.write_bytes(before[: len(_MARK)] + text.encode() if before.startswith(_MARK) else text.encode())
            fixed += reversed(done)
    return fixed


def _replaced(text: str, item: Diagnostic) -> str | None:
    """The text with one word replaced; None if the word is written otherwise there, or would break the file."""
    fix, place = item.fix, item.place
    assert fix is not None
    lines = text.split("\n")
    line = lines[place.line - 1]
    start, end = place.col - 1, place.end - 1
    if line[start : start + 1] in ('"', "'") and line[start + 1 : end - 1] == fix.word:
        start, end = start + 1, end - 1
    if line[start:end] != fix.word:
        return None
    lines[place.line - 1] = line[:start] + fix.meant + line[end:]
    mended = "\n".join(lines)
    try:
        tomllib.loads(mended)
    except ValueError:
        return None  # the right key is there already, or the name would need quotes
    return mended
