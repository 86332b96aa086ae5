"""Columns of text that line up, on a terminal as in a pipe."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """The rows as lines, each column as wide as its widest cell.

    >>> print(aligned([("id", "state"), ("1", "ready"), ("22", "failed")]))
    id  state
    1   ready
    22  failed
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
