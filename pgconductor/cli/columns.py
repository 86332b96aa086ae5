"""Columns on a terminal that may be too narrow for them. Needs rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

GAP = "  "
# Of a name, and of a heading, that is cut.
SHORTEST_NAME = 12
SHORTEST_HEADING = 4


@dataclass(frozen=True)
class Columns:
    """Lines under headings. Where there is little room names are cut, then headings, and a figure never.

    Attributes:
        rows: at least one.
        names: the headings of columns whose cells may be cut.
        styles: of cells that say this.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: Sequence[str]
    styles: Mapping[str, str]

    def widths(self, room: int) -> list[int]:
        """How wide each column is where all of them together have `room`; they may need more."""
        cells = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        widths = [max(len(heading), cell) for heading, cell in zip(self.headings, cells, strict=True)]
        excess = sum(widths) + len(GAP) * (len(widths) - 1) - room
        named = [heading in self.names for heading in self.headings]
        for at in sorted(range(len(widths)), key=lambda at: (not named[at], -widths[at])):
            shortest = min(SHORTEST_NAME, cells[at]) if named[at] else max(SHORTEST_HEADING, cells[at])
            cut = max(0, min(excess, widths[at] - shortest))
            widths[at] -= cut
            excess -= cut
        return widths

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self.widths(options.max_width)
        yield _line([Text(heading, "bold") for heading in self.headings], widths)
        for row in self.rows:
            yield _line([Text(cell, self.styles.get(cell, "")) for cell in row], widths)


def _line(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    for cell, width in zip(cells, widths, strict=True):
        cell.truncate(width, overflow="ellipsis", pad=True)
    line = Text(GAP).join(cells)
    line.no_wrap, line.overflow = True, "crop"
    return line
