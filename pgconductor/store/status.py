"""Queues, rates and workers at a moment: what `status` prints and `top` repeats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pgconductor.store.depth import QueueDepth, read_depths
from pgconductor.store.query import AnyConnection
from pgconductor.store.rates import Rates, read_rates
from pgconductor.store.workforce import WorkerSeen, read_workers


@dataclass(frozen=True)
class Status:
    """A look at the whole schema.

    Attributes:
        now: the database's time.
    """

    now: datetime
    queues: tuple[QueueDepth, ...]
    rates: Rates
    workers: tuple[WorkerSeen, ...]

    def serving(self, queue: str) -> list[WorkerSeen]:
        """The live workers of a queue."""
        return [worker for worker in self.workers if worker.queue == queue and worker.alive]


def read_status(connection: AnyConnection, schema: str) -> Status:
    """Look once. What it costs is bounded, however many executions there are."""
    now, queues = read_depths(connection, schema)
    rates = read_rates(connection, schema, now)
    return Status(now, tuple(queues), rates, tuple(read_workers(connection, schema)))
