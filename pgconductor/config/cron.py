"""Cron expressions: five fields, or one of five names."""

from __future__ import annotations

import functools
import re
from datetime import datetime

from cronsim import CronSim, CronSimError

from pgconductor.config import codes, readers
from pgconductor.config.node import Node
from pgconductor.config.reader import takes, text_like
from pgconductor.config.suggestion import Help, did_you_mean, listed, with_article

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
FAMILIAR = {"@midnight": "@daily", "@annually": "@yearly"}
_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_VALUES = (
    "0 to 59",
    "0 to 23",
    "1 to 31, L or LW",
    "1 to 12 or jan to dec",
    "0 to 7 or sun to sat, 5L or mon#2",
)
# Far beyond what anybody writes, and short enough for cronsim's recursion and int().
_LONGEST = 200


class CronError(ValueError):
    """Not a cron expression.

    Attributes:
        start: where in the text, in characters.
        end: where the wrong stretch ends.
        help: what to write.
    """

    def __init__(self, message: str, start: int, end: int, help: Help = None) -> None:
        super().__init__(message)
        self.start = start
        self.end = end
        self.help = help


@takes(text_like(rf"{'|'.join(ALIASES)}|\s*\S+(?:\s+\S+){{4}}\s*", "0 9 * * mon-fri", *ALIASES))
def expression(node: Node) -> str:
    """A valid cron expression, as written."""
    text = readers.text(node)
    try:
        check(text)
    except CronError as error:
        raise node.report(codes.CRON, str(error), error.help, part=(error.start, error.end)) from None
    return text


@functools.lru_cache(maxsize=1024)
def check(text: str) -> None:
    """Check a cron expression.

    Raises:
        CronError: it is not one, or no moment ever matches it.
    """
    if text.startswith("@"):
        if text not in ALIASES:
            meant = FAMILIAR.get(text)
            help = f"write `{meant}`" if meant else did_you_mean(text, ALIASES, f"known: {listed(ALIASES)}")
            raise CronError(f"unknown schedule `{text}`", 0, len(text), help)
        return
    if len(text) > _LONGEST:
        raise CronError(f"longer than {_LONGEST} characters", 0, len(text), "split it into several triggers")
    fields = list(re.finditer(r"\S+", text))
    if len(fields) != 5:
        help = "minute, hour, day of month, month, day of week, such as `0 9 * * mon-fri`"
        raise CronError(f"a cron expression has 5 fields, this has {len(fields)}", 0, len(text), help)
    for index, field in enumerate(fields):
        if not _parses(" ".join("*" if n != index else field[0] for n in range(5))):
            help = f"the {_FIELDS[index]} is {_VALUES[index]}, with `*`, lists `1,2`, ranges `1-5` and steps `*/5`"
            raise CronError(f"`{field[0]}` is not {with_article(_FIELDS[index])}", field.start(), field.end(), help)
    if not _parses(text) or not _ever(text):
        raise CronError(f"`{text}` never fires", 0, len(text), "no month of those has such a day")


def _parses(text: str) -> bool:
    try:
        CronSim(text, datetime(2024, 1, 1))
    except (CronSimError, ValueError, AssertionError, RecursionError):
        return False
    return True


def _ever(text: str) -> bool:
    return next(CronSim(text, datetime(2024, 1, 1)), None) is not None
