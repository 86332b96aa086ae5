"""Whether a command printed what its page shows."""

from __future__ import annotations

import re

# What differs from run to run.
_CHANGING = {
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}": "[0-9a-f-]{36}",
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:?\d\d|Z)?": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[\d.:+Z-]*",
    r"\d\d:\d\d:\d\d(?:\.\d+)?": r"\d\d:\d\d:\d\d[\d.]*",
    r"\d+(?:\.\d+)? ?(?:ms|s|m)\b": r"\d+(?:\.\d+)? ?(?:ms|s|m|h)",
    r"~?\d+(?:\.\d+)?/s": r"~?\d+(?:\.\d+)?/s",
    r" +": " +",
    r"\n\.\.\.(?=\n|$)": r"(?:\n.*)*?",
    r"\.\.\.": r".*?",
}
_PIECE = re.compile("|".join(f"({pattern})" for pattern in _CHANGING))


def pattern(shown: str) -> str:
    """A pattern of what a page shows: ids, times, durations and widths may differ, `...` is anything."""
    found, at = [], 0
    changed = list(_CHANGING.values())
    for piece in _PIECE.finditer(shown):
        found += [re.escape(shown[at : piece.start()]), changed[(piece.lastindex or 0) - 1]]
        at = piece.end()
    return "".join([*found, re.escape(shown[at:])])


def agrees(shown: str, printed: str) -> bool:
    return re.fullmatch(pattern("\n" + shown.rstrip()), "\n" + _trimmed(printed)) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip()
