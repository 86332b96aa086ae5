"""Probes: single executions, each enqueued in a transaction, and how long after its commit the handler began."""

import os
import time
from statistics import quantiles

from benchmarks.crew import LIMIT, Crew
from benchmarks.database import Database
from pgconductor.store.enqueue import EnqueueRequest, Item, Terms
from pgconductor.store.query import run_blocking

TASK = "probe"
FIRST = 1_000_000  # the warm-up's numbers are smaller


class Prober:
    """Sends probes to a crew, one at a time."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._next = FIRST
        self.times: list[float] = []

    def probe(self) -> None:
        """Send a probe, wait until its handler has begun, and note how long that took in milliseconds."""
        self._next += 1
        committed = send(self._crew.database, self._next)
        self.times.append((self._began(self._next) - committed) / 1e6)

    def percentile(self, percent: int) -> float:
        """In milliseconds."""
        return quantiles(self.times, n=100, method="inclusive")[percent - 1]

    def _began(self, number: int) -> int:
        with self._crew.changed:
            if not self._crew.changed.wait_for(lambda: number in self._crew.stamps(), timeout=LIMIT):
                raise RuntimeError(f"probe {number} was not picked up within {LIMIT:.0f} seconds")
            return self._crew.stamps()[number]


def send(database: Database, number: int) -> int:
    """Enqueue as a client does.

    Returns:
        When its transaction began to commit: the commit is part of what the probe took.
    """
    task = database.plan.tasks[TASK]
    item = Item(os.urandom(16), b'{"i": %d}' % number, Terms(task.key, task.queue, task.version, task.priority))
    with database.connection.transaction():
        run_blocking(database.connection, EnqueueRequest(database.plan.schema_name, [item]).queries)
        return time.monotonic_ns()
