"""The whole terminal, filled with the queues and the workers. Needs rich."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from datetime import UTC
from types import FrameType, TracebackType
from typing import NoReturn, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from pgconductor.cli import overview, workers
from pgconductor.cli.columns import Columns
from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.status import Status

_STYLES = {"paused": "yellow", "lost": "red", "draining": "yellow", "working": "cyan", "idle": "dim"}
_NAMES = ("queue", "host")


class Dashboard:
    """Draws one look after another.

    Args:
        title: what is looked at.
        plan: the structure hash of the plan here.
    """

    def __init__(self, title: str, plan: str) -> None:
        self._title = title
        self._plan = plan
        self._status: Status | None = None
        self._console = Console()
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def show(self, look: Status | DatabaseUnreachable) -> None:
        """Draw a look; of a database that is away, the last figures and why there are no newer ones."""
        trouble = str(look) if isinstance(look, DatabaseUnreachable) else None
        if isinstance(look, Status):
            self._status = look
        if self._status is not None:
            self._live.update(self.draw(self._status, trouble), refresh=True)

    def draw(self, status: Status, trouble: str | None) -> RenderableType:
        moment = f"{status.now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        parts: list[RenderableType] = [Text.assemble((self._title, "bold"), f"   {moment}   ", ("q quits", "dim"))]
        if trouble is not None:
            parts.append(Text(f"{trouble}; trying again", "red"))
        parts += ["", _columns(overview.HEADINGS, [overview.cells(status, queue) for queue in status.queues])]
        lines = [workers.cells(worker, status.now, self._plan) for worker in status.workers]
        parts += ["", _columns(workers.HEADINGS, lines) if lines else Text("no workers", "yellow")]
        parts += [Text(line, "dim") for line in ["", *overview.legend(status.queues, status.rates)]]
        return Group(*parts)

    def __enter__(self) -> Self:
        # Whoever ends us politely must find the terminal as it was; the default would not even run __exit__.
        self._before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Columns:
    return Columns(headings, rows, _NAMES, _STYLES)
