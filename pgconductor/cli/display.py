"""What a person sees on a terminal while workers run: a line per queue, or the progress of a drain. Needs rich."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pgconductor.errors import DatabaseError
from pgconductor.runtime.orchestrator import Info
from pgconductor.runtime.worker import Info as WorkerInfo

REFRESH = 0.25
RATE_OVER = 2.0
# A count of a million rows takes a moment of a server that has better things to do.
COUNT_SHARE = 0.05


class Rate:
    """How fast a counter grew in the last moments, per second."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def at(self, count: int, now: float) -> float:
        """Note the count at `now`, in seconds of any clock; the rate since the oldest point that is still recent."""
        self._points.append((now, count))
        while len(self._points) > 2 and now - self._points[0][0] > RATE_OVER:
            self._points.popleft()
        then, before = self._points[0]
        return (count - before) / (now - then) if now > then else 0.0


class View(Protocol):
    """Something that is drawn anew several times a second."""

    def draw(self) -> RenderableType: ...


class QueueLines:
    """A line per queue: what ended, what runs, how fast."""

    def __init__(self, info: Callable[[], Info], limits: dict[str, int]) -> None:
        self._info = info
        self._limits = limits
        self._rates: dict[str, Rate] = {}

    def draw(self) -> RenderableType:
        lines = Table.grid(padding=(0, 2))
        for column in ("left", "right", "right", "right", "right"):
            lines.add_column(justify=column)
        info = self._info()
        for worker in info.workers:
            lines.add_row(*self._cells(worker))
        if info.state != "stopping":
            return lines
        return Group(lines, Text("stopping when what runs has ended; once more to give it back at once", "yellow"))

    def _cells(self, worker: WorkerInfo) -> tuple[Text, ...]:
        report = worker.report
        rate = self._rates.setdefault(worker.queue, Rate()).at(report.completed, time.monotonic())
        return (
            Text(worker.queue, "bold"),
            Text(f"{worker.running}/{self._limits[worker.queue]} running", "cyan" if worker.running else "dim"),
            Text(f"{report.completed:,} completed", "green" if report.completed else "dim"),
            Text(f"{report.failed:,} failed, {report.retried:,} retried", "red" if report.failed else "dim"),
            Text(f"{rate:,.0f}/s", "dim"),
        )


class DrainBar:
    """How much of the work is done. What there is to do can grow on the way."""

    def __init__(self, info: Callable[[], Info], count: Callable[[], int]) -> None:
        self._info = info
        self._count = count
        self._bar = Progress(
            TextColumn("[bold]draining"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._task = self._bar.add_task("", total=None, rate=0.0, left="")
        self._rate = Rate()

    def draw(self) -> RenderableType:
        done = self._ended()
        rate = self._rate.at(done, time.monotonic())
        self._bar.update(self._task, completed=done, rate=rate, left=self._time_left(done, rate))
        return self._bar.get_renderable()

    def finish(self) -> None:
        """All is done: a bar that stops short of its end would look like a fault."""
        self._bar.update(self._task, total=self._ended())

    async def keep_counting(self) -> None:
        """Ask the database again and again how much is left, without being a burden to it."""
        while True:
            before = time.monotonic()
            with suppress(DatabaseError):  # it is away; the workers say so
                left = await asyncio.to_thread(self._count)
                self._bar.update(self._task, total=self._ended() + left)
            spent = time.monotonic() - before
            await asyncio.sleep(max(2 * REFRESH, spent / COUNT_SHARE))

    def _time_left(self, done: int, rate: float) -> str:
        # rich's own estimate begins anew whenever the total changes, which it does all the time here.
        total = self._bar.tasks[0].total
        if total is None or rate == 0:
            return ""
        seconds = (max(total, done) - done) / rate
        return f"{timedelta(seconds=math.ceil(seconds))} left"

    def _ended(self) -> int:
        reports = [worker.report for worker in self._info().workers]
        return sum(report.completed + report.failed + report.cancelled for report in reports)


class Screen:
    """The lower end of the terminal, with log lines running past above it.

    Everything is drawn by the event loop that the workers run in: their counters are at rest then.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self.console = Console(file=sys.stderr)
        # What handlers print belongs above the lines too, unless stdout is going somewhere else.
        self._live = Live(console=self.console, auto_refresh=False, redirect_stdout=sys.stdout.isatty())

    async def keep_drawing(self) -> None:
        while True:
            self.draw()
            await asyncio.sleep(REFRESH)

    def draw(self) -> None:
        if self._live.is_started:
            self._live.update(self._view.draw(), refresh=True)

    def suspend(self) -> None:
        """Take the lines away until `resume`."""
        self._live.update("", refresh=True)
        self._live.stop()

    def resume(self) -> None:
        self._live.start()
        self.draw()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.draw()
        self._live.stop()


class ConsoleHandler(logging.Handler):
    """Log lines above the live ones."""

    STYLES = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "bold red"}

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            style = self.STYLES.get(record.levelno, "")
            self._console.print(Text(self.format(record), style), soft_wrap=True)
        except Exception:
            self.handleError(record)
