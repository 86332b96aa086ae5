"""What a terminal shows while workers run."""

from __future__ import annotations

import asyncio
import io
import logging
from uuid import uuid4

from rich.console import Console

from pgconductor.cli.display import ConsoleHandler, DrainBar, QueueLines, Rate
from pgconductor.errors import DatabaseUnreachable
from pgconductor.runtime.orchestrator import Info
from pgconductor.runtime.report import Report
from pgconductor.runtime.worker import Info as WorkerInfo


def info(state: str = "running", **counts: int) -> Info:
    report = Report("mail", **counts)
    return Info(state, uuid4(), (WorkerInfo("mail", 1, 0, 3, 0, report),))


def drawn(view: QueueLines | DrainBar) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(view.draw())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_queue_is_one_line() -> None:
    text = drawn(QueueLines(lambda: info(completed=1234, failed=2, retried=1), {"mail": 10}))
    assert text.split() == ["mail", "3/10", "running", "1,234", "completed", "2", "failed,", "1", "retried", "0/s"]


def test_stopping_says_what_is_waited_for() -> None:
    assert "once more" in drawn(QueueLines(lambda: info("stopping"), {"mail": 10}))


def test_a_rate_looks_at_the_last_moments_only() -> None:
    rate = Rate()
    assert rate.at(0, 0.0) == 0
    assert rate.at(100, 1.0) == 100
    for second in range(2, 10):
        last = rate.at(100 + second * 10, float(second))
    assert last == 10


async def test_the_bar_grows_with_the_work_and_ends_full() -> None:
    now = info(completed=40, failed=2, cancelled=1)
    bar = DrainBar(lambda: now, lambda: 57)
    counting = asyncio.create_task(bar.keep_counting())
    await asyncio.sleep(0.1)
    assert "43/100" in drawn(bar)
    counting.cancel()
    now.workers[0].report.completed = 90
    bar.finish()
    assert "93/93" in drawn(bar)


async def test_the_bar_outlives_a_database_that_is_away() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def away() -> int:
        loop.call_soon_threadsafe(asked.set)
        raise DatabaseUnreachable("gone")

    counting = asyncio.create_task(DrainBar(info, away).keep_counting())
    await asked.wait()
    await asyncio.sleep(0.05)
    assert not counting.done()
    counting.cancel()


def test_a_log_line_is_printed_as_it_is() -> None:
    console = Console(file=io.StringIO(), width=40)
    handler = ConsoleHandler(console)
    message = "[red]no markup[/red] " + "x" * 60
    handler.emit(logging.LogRecord("a", logging.WARNING, "", 1, message, None, None))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == message + "\n"
