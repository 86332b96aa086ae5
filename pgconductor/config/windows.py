"""Windows: when a task may run, `"mon-fri 22:00-06:00"`, in the task's time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pgconductor.config import codes, readers
from pgconductor.config.node import Node
from pgconductor.config.reader import takes, text_like

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60

_PARTS = re.compile(r"\s*(?P<days>[^\s\d]\S*)?\s*(?P<hours>\S.*?)?\s*", re.DOTALL)
_HOURS = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})", re.ASCII)
_HELP = 'write days, hours or both: "mon-fri 22:00-06:00", "sat-sun", "09:00-17:30"'
_DAY = f"(?:{'|'.join(DAYS)})(?:-(?:{'|'.join(DAYS)}))?"
_SCHEMA = text_like(
    rf"\s*(?:{_DAY}(?:,{_DAY})*)?(?:\s*[0-9]{{2}}:[0-9]{{2}}-[0-9]{{2}}:[0-9]{{2}})?\s*",
    "mon-fri 22:00-06:00",
    "sat-sun",
    "09:00-17:30",
)


@dataclass(frozen=True, slots=True)
class Window:
    """One window of every week.

    Attributes:
        days: on which it begins, 0 for Monday, ascending.
        start: minutes after midnight, 0 to 1439.
        end: minutes after midnight of the day on which it began: up to 1440, or beyond if it runs over midnight.
    """

    days: tuple[int, ...]
    start: int
    end: int


class WindowError(ValueError):
    """Not a window.

    Attributes:
        start: where in the text, in characters.
        end: where the wrong stretch ends.
        help: what to write.
    """

    def __init__(self, message: str, start: int, end: int, help: str = _HELP) -> None:
        super().__init__(message)
        self.start = start
        self.end = end
        self.help = help


@takes(_SCHEMA)
def window(node: Node) -> str:
    """A valid window, as written."""
    text = readers.text(node)
    try:
        parse(text)
    except WindowError as error:
        raise node.report(codes.WINDOW, str(error), error.help, part=(error.start, error.end)) from None
    return text


def parse(text: str) -> Window:
    """Read a window.

    Raises:
        WindowError: it is not one.

    >>> parse("sat-sun 22:00-06:00")
    Window(days=(5, 6), start=1320, end=1800)
    """
    parts = _PARTS.fullmatch(text)
    if parts is None or not (parts["days"] or parts["hours"]):
        raise WindowError(f"`{text}` is not a window", 0, len(text))
    days = _days(parts["days"], parts.start("days")) if parts["days"] else tuple(range(7))
    start, end = _hours(parts["hours"], parts.start("hours")) if parts["hours"] else (0, MINUTES_A_DAY)
    return Window(days, start, end)


def _days(text: str, offset: int) -> tuple[int, ...]:
    days: set[int] = set()
    for part in text.split(","):
        days.update(_range(part, offset))
        offset += len(part) + 1
    return tuple(sorted(days))


def _range(text: str, offset: int) -> list[int]:
    """The days of `mon` or `fri-mon`, which goes over the weekend."""
    if not text:
        comma = max(offset, 1)
        raise WindowError("a day is missing beside the comma", comma - 1, comma)
    names = text.lower().split("-")
    if len(names) > 2 or not all(name in DAYS for name in names):
        raise WindowError(f"`{text}` is not a day or a range of days", offset, offset + len(text))
    first, last = DAYS.index(names[0]), DAYS.index(names[-1])
    return [(first + n) % 7 for n in range((last - first) % 7 + 1)]


def _hours(text: str, offset: int) -> tuple[int, int]:
    span = (offset, offset + len(text))
    match = _HOURS.fullmatch(text)
    if match is None:
        raise WindowError(f"`{text}` is not a range of hours", *span)
    start, end = (_minutes(match[n], match[n + 1]) for n in (1, 3))
    if start is None or end is None or start == MINUTES_A_DAY:
        raise WindowError(f"`{text}` is not a range of hours", *span, "hours go from 00:00 to 24:00")
    if start == end:
        raise WindowError(f"`{text}` begins and ends at the same time", *span, "for a whole day write only its name")
    return start, end if end > start else end + MINUTES_A_DAY


def _minutes(hours: str, minutes: str) -> int | None:
    total = int(hours) * 60 + int(minutes)
    return total if int(minutes) < 60 and total <= MINUTES_A_DAY else None
