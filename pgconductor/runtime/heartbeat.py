"""The heartbeat of a process: one statement for all its workers, from a thread that no handler can block."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
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
        on_beat: called from the heartbeat's thread after each beat, with `time.monotonic()` before it was sent, and the
            workers that still exist: by their ids, whether their leases had lapsed before.
    """

    def __init__(
        self,
        registry: WorkerRegistry,
        lease_ms: int,
        on_beat: Callable[[float, Mapping[int, bool]], None],
    ) -> None:
        self._registry = registry
        self._on_beat = on_beat
        self._rounds = Rounds("heartbeat", registry.url, lease_ms / 1000 / BEATS_PER_LEASE, self._beat)

    def start(self) -> None:
        self._rounds.start()

    def stop(self) -> None:
        self._rounds.stop()

    def join(self, timeout: float) -> None:
        self._rounds.join(timeout)

    def _beat(self, connection: Connection) -> None:
        sent = time.monotonic()
        self._on_beat(sent, self._registry.beat(connection))
