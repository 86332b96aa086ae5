"""Durations: one spelling everywhere, milliseconds inside.

A duration is text with units (``"250ms"``, ``"1h30m"``), a ``timedelta`` or, in Python only, a number of seconds.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TypeAlias

Duration: TypeAlias = "str | timedelta | int | float"

UNITS: dict[str, int] = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
# 100 years: beyond it a duration is a mistake, and timestamps leave the range every client can read.
LONGEST = 100 * 365 * UNITS["d"]

_PART = re.compile(r"([0-9]+)(ms|s|m|h|d|w)")
_WHOLE = re.compile(r"(?:[0-9]+(?:ms|[smhdw]))+")


def parse_duration(text: str) -> int:
    """Milliseconds of a duration such as ``"1h30m"``.

    Raises:
        ValueError: the text has no unit, an unknown unit, a sign or spaces, or means more than 100 years.

    >>> parse_duration("1h30m")
    5400000
    """
    if not _WHOLE.fullmatch(text):
        hint = f'; a number needs its unit: "{text}s"' if text.isdigit() else ""
        raise ValueError(f'"{text}" is not a duration such as "250ms", "30s", "1h30m" or "7d"{hint}')
    total = sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))
    if total > LONGEST:
        raise ValueError(f'"{text}" is longer than 100 years')
    return total


def to_milliseconds(value: Duration) -> int:
    """Milliseconds of any form of duration that the Python API takes.

    Raises:
        ValueError: negative, NaN, infinite, longer than 100 years, or text that is not a duration.
        TypeError: another type.

    >>> to_milliseconds(timedelta(seconds=2)), to_milliseconds(0.5), to_milliseconds("5m")
    (2000, 500, 300000)
    """
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, bool) or not isinstance(value, int | float):
        found = type(value).__name__
        raise TypeError(f"a duration is text with units, a timedelta or a number of seconds, not {found}")
    else:
        seconds = float(value)
    if math.isnan(seconds) or math.isinf(seconds):
        raise ValueError(f"a duration must be finite, not {seconds}")
    if seconds < 0:
        raise ValueError(f"a duration cannot be negative: {value}")
    milliseconds = round(seconds * 1000)
    if milliseconds > LONGEST:
        raise ValueError(f"{value} is longer than 100 years")
    return milliseconds


def format_duration(milliseconds: int) -> str:
    """The exact spelling that people use, without weeks: ``90000`` is ``"1m30s"``.

    >>> format_duration(5_400_000), format_duration(30 * UNITS["d"]), format_duration(0)
    ('1h30m', '30d', '0s')
    """
    if milliseconds == 0:
        return "0s"
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, milliseconds = divmod(milliseconds, UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
