"""Tenure: until when a worker surely holds what it claimed, as far as it can know by itself.

The database decides who holds what, and a late outcome changes nothing there. But an execution that was claimed ahead
and is somebody else's by now must not even start: it may have completed there. So a process that was frozen, or has
not reached the database for a lease, starts nothing more of what it had claimed before.
"""

from __future__ import annotations

import math
import threading


class Tenure:
    """The lease of one worker by the process's monotonic clock, which goes on while the process is frozen.

    Args:
        lease_ms: of the queue.
        since: `time.monotonic()` before the worker was registered.

    Attributes:
        until: until then nobody can have taken anything away. In the past after a lapse, until `regain`.
        lapses: how often the lease has lapsed.
    """

    def __init__(self, lease_ms: int, since: float) -> None:
        self._lease = lease_ms / 1000
        self._renewed_until = since + self._lease
        self._lock = threading.Lock()
        self.until = self._renewed_until
        self.lapses = 0

    def renew(self, sent: float, lapsed: bool) -> bool:
        """A beat was answered. Called from the heartbeat's thread.

        Args:
            sent: `time.monotonic()` before the beat was sent: the database extended the lease after that.
            lapsed: the database found that the lease had lapsed before, which this process may have slept through.

        Returns:
            Whether the lease had lapsed. What was claimed before may be somebody else's, although the worker is alive
            again; `until` stays in the past until `regain`.
        """
        with self._lock:
            lost = lapsed or sent > self._renewed_until
            self._renewed_until = sent + self._lease
            if lost:
                self.lapses += 1
                self.until = -math.inf
            elif self.until != -math.inf:
                self.until = self._renewed_until
            return lost

    def regain(self, lapses: int) -> None:
        """Nothing that was claimed before the lapse is waiting to start any more.

        Args:
            lapses: as many as there had been when that was seen to; if there was another since, it is not over.
        """
        with self._lock:
            if lapses == self.lapses:
                self.until = self._renewed_until
