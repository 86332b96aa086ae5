"""The heartbeat of a process: one statement for all its workers, from a thread that no handler can block."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pgconductor.store.rounds import Rounds
from pgconductor.store.workers import WorkerRegistry

if TYPE_CHECKING:
    from psycopg import Connection

# Three beats a lease: two may be lost before anything is taken away.
BEATS_PER_LEASE = 3


class Heartbeat:
    """Keeps the workers of a process alive.

    Args:
        lease_ms: the shortest lease among its queues.
        workers: ids that must still exist.
        on_lost: called from the heartbeat's thread with those that do not.
    """

    def __init__(
        self,
        registry: WorkerRegistry,
        lease_ms: int,
        workers: Callable[[], frozenset[int]],
        on_lost: Callable[[frozenset[int]], None],
    ) -> None:
        self._registry = registry
        self._workers = workers
        self._on_lost = on_lost
        self.last_beat = time.monotonic()
        self._rounds = Rounds("heartbeat", registry.url, lease_ms / 1000 / BEATS_PER_LEASE, self._beat)

    def start(self) -> None:
        self._rounds.start()

    def stop(self) -> None:
        self._rounds.stop()

    def join(self, timeout: float) -> None:
        self._rounds.join(timeout)

    def _beat(self, connection: Connection) -> None:
        expected = self._workers()
        alive = self._registry.beat(connection)
        self.last_beat = time.monotonic()
        if expected - alive:
            self._on_lost(expected - alive)
