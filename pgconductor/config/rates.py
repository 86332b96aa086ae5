"""Rates: how many in how long, `"300/m"`."""

from __future__ import annotations

import re

from pgconductor.config import codes, readers
from pgconductor.config.node import Node
from pgconductor.config.reader import takes, text_like
from pgconductor.duration import UNITS, parse_duration

_RATE = re.compile(r"([0-9]{1,9}) */ *([0-9a-z]{1,20})")
_HELP = 'write a count and a unit, "300/m", or a count and a duration, "10/30s"'


@takes(text_like("[0-9]{1,9} */ *[0-9a-z]{1,20}", "300/m", "10/30s"))
def rate(node: Node) -> tuple[int, int]:
    """The count and the milliseconds of a rate."""
    text = readers.text(node)
    match = _RATE.fullmatch(text)
    if match is None:
        raise node.report(codes.RATE, f"`{text}` is not a rate", _HELP)
    count, per = int(match[1]), _milliseconds(match[2])
    if per is None:
        raise node.report(codes.RATE, f"`{match[2]}` is not a unit of time", _HELP, part=match.span(2))
    if count == 0 or per == 0:
        raise node.report(codes.RATE, f"`{text}` lets nothing run", "the count and the time must be at least 1")
    return count, per


def _milliseconds(text: str) -> int | None:
    if text in UNITS:
        return UNITS[text]
    try:
        return parse_duration(text)
    except ValueError:
        return None
