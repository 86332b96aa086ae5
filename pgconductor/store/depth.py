"""How many executions there are in each state, by queue and task, at a price that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgconductor.store.query import AnyConnection, Query, Rows, run_blocking
from pgconductor.store.statements import statement

# Of a larger table about so many pages are read, 32 MB: some ten milliseconds, and right to two or three percent.
MOST_PAGES = 4096


@dataclass(frozen=True)
class Depth:
    """The executions of one task in one queue that have not ended."""

    task: str
    ready: int = 0
    scheduled: int = 0
    running: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class QueueDepth:
    """The executions of one queue that have not ended.

    Attributes:
        exact: False: the counts come from a sample of the pages, and `oldest` is at least as old.
        oldest: when the ready execution that waits longest became due; None when none is ready.
        next_due: when the first scheduled one is due, as far as was read.
    """

    name: str
    paused: bool
    exact: bool
    tasks: tuple[Depth, ...]
    oldest: datetime | None
    next_due: datetime | None

    @property
    def ready(self) -> int:
        return sum(task.ready for task in self.tasks)

    @property
    def scheduled(self) -> int:
        return sum(task.scheduled for task in self.tasks)

    @property
    def running(self) -> int:
        return sum(task.running for task in self.tasks)

    @property
    def waiting(self) -> int:
        return sum(task.waiting for task in self.tasks)


def read_depths(connection: AnyConnection, schema: str) -> tuple[datetime, list[QueueDepth]]:
    """The database's time, and every queue that it has, by name."""
    begin = [Query(statement("read_clock", schema)), Query(statement("read_partitions", schema))]
    [(now, waiting_pages)], queues = run_blocking(connection, begin)
    waiting_share = _share(waiting_pages)
    counts = [Query(statement("count_waiting", schema), {"share": waiting_share})]
    for name, _, ready_pages, scheduled_pages in queues:
        shares = {"ready_share": _share(ready_pages), "scheduled_share": _share(scheduled_pages)}
        counts.append(Query(statement("count_queue", schema, name), shares))
    waiting, *counted = run_blocking(connection, counts)
    depths = []
    for (name, paused, *pages), query, rows in zip(queues, counts[1:], counted, strict=True):
        shares = {"ready": query.values["ready_share"], "scheduled": query.values["scheduled_share"]}
        parked = [("waiting", *rest) for queue, *rest in waiting if queue == name]
        exact = max(*pages, waiting_pages if parked else 0) <= MOST_PAGES
        depths.append(_depth(name, paused, exact, {**shares, "waiting": waiting_share}, [*rows, *parked]))
    return now, depths


def read_now(connection: AnyConnection, schema: str) -> datetime:
    """The database's time."""
    now: datetime = run_blocking(connection, [Query(statement("read_clock", schema))])[0][0][0]
    return now


def _depth(name: str, paused: bool, exact: bool, shares: dict[str, float], rows: Rows) -> QueueDepth:
    tasks: dict[str, dict[str, int]] = {}
    for state, task, count, _ in rows:
        if task is not None:
            tasks.setdefault(task, {})[state] = round(count * 100 / shares.get(state, 100))
    depths = tuple(Depth(task, **states) for task, states in sorted(tasks.items()))
    oldest = _first(rows, "ready", "oldest")
    return QueueDepth(name, paused, exact, depths, oldest, _first(rows, "scheduled"))


def _first(rows: Iterable[tuple[Any, ...]], *states: str) -> datetime | None:
    return min((moment for state, *_, moment in rows if state in states and moment is not None), default=None)


def _share(pages: int) -> float:
    """Of the pages, in percent."""
    return 100.0 if pages <= MOST_PAGES else 100 * MOST_PAGES / pages
