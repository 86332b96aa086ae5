"""How many executions ended within the last minute, from the newest pages of `finished` alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from pgconductor.store import history
from pgconductor.store.history import Partition, read_history
from pgconductor.store.query import AnyConnection, Query, Rows, run_blocking
from pgconductor.store.statements import statement

WINDOW = timedelta(minutes=1)

Ended: TypeAlias = Literal["completed", "failed", "cancelled"]
Key: TypeAlias = tuple[str, str, str]  # queue, task, state


@dataclass(frozen=True)
class Rates:
    """Ends per minute.

    Attributes:
        unkept: (queue, task key) of which completed executions leave no trace: they are in no count.
    """

    counts: dict[Key, float] = field(default_factory=dict)
    unkept: frozenset[tuple[str, str]] = frozenset()

    def of(self, state: Ended, *, queue: str, task: str | None = None) -> float:
        """Of a queue, or of one task in it."""
        return sum(
            count
            for (in_queue, of_task, ended), count in self.counts.items()
            if in_queue == queue and ended == state and task in (None, of_task)
        )


def read_rates(connection: AnyConnection, schema: str, now: datetime) -> Rates:
    """What ended within the minute before `now`."""
    counts: dict[Key, float] = defaultdict(float)
    for partition in read_history(connection, schema, now - WINDOW):
        large = partition.pages > history.MOST_PAGES
        read = _from_sample if large and partition.reused else _from_newest if large else _from_all
        for key, count in read(connection, schema, partition, now):
            counts[key] += count
    unkept = run_blocking(connection, [Query(statement("read_unkept", schema))])[0]
    return Rates(dict(counts), frozenset((queue, task) for queue, task in unkept))


def _from_all(
    connection: AnyConnection, schema: str, partition: Partition, now: datetime
) -> Iterator[tuple[Key, float]]:
    for *key, count, _ in _tail(connection, schema, partition):
        yield (key[0], key[1], key[2]), count


def _from_newest(
    connection: AnyConnection, schema: str, partition: Partition, now: datetime
) -> Iterator[tuple[Key, float]]:
    rows = _tail(connection, schema, partition)
    reach = now - min((first for *_, first in rows), default=now - WINDOW)
    # Pages that reach back less than a minute stand for one.
    factor = 1.0 if reach >= WINDOW else WINDOW / max(reach, timedelta(seconds=1))
    for *key, count, _ in rows:
        yield (key[0], key[1], key[2]), count * factor


def _from_sample(
    connection: AnyConnection, schema: str, partition: Partition, now: datetime
) -> Iterator[tuple[Key, float]]:
    share = history.MOST_PAGES / partition.pages
    query = Query(statement("sample_recent", schema, history=partition.name), {"share": 100 * share})
    for *key, count, _ in run_blocking(connection, [query])[0]:
        yield (key[0], key[1], key[2]), count / share


def _tail(connection: AnyConnection, schema: str, partition: Partition) -> Rows:
    text = statement("count_recent", schema, history=partition.name)
    return run_blocking(connection, [Query(text, {"from_page": partition.first_page})])[0]
