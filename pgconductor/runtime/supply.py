"""How many executions a worker may hold beyond those under way.

A claim costs a round trip and a commit, so fast handlers need hundreds claimed ahead; an execution claimed ahead of
a slow handler only keeps others from running it. So the buffer holds what was run within the last tenth of a second.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from pgconductor.plan.model import QueuePlan
from pgconductor.runtime.slots import Slots
from pgconductor.store.claims import ClaimedRow

HORIZON = 0.1
# Nor more payload than this, whatever the rate: 1,000 payloads of 1 MB would be a gigabyte.
AHEAD_BYTES = 32 * 1024 * 1024
# Shorter measurements are noise.
SHORTEST_SAMPLE = 0.01


class Supply:
    """Measures how fast a queue's executions end, and says how many more to claim."""

    def __init__(self, queue: QueuePlan) -> None:
        self.retune(queue)
        self._rate = 0.0
        self._sampled_at = time.monotonic()
        self._finished = 0
        self._payload_size = 1.0
        self._busy_since: float | None = None

    def retune(self, queue: QueuePlan) -> None:
        """Go by these settings from now on."""
        self._concurrency = queue.worker_concurrency
        self._batch = queue.fetch_batch_size

    def room(self, slots: Slots) -> int:
        """How many to claim now; 0: wait until `slots` reports progress."""
        self._sample(slots.finished)
        ahead = min(2 * self._batch, int(self._rate * HORIZON), int(AHEAD_BYTES / self._payload_size))
        most = self._concurrency + ahead
        room = most - slots.held
        worthwhile = min(self._batch, max(1, most // 2))
        if room >= worthwhile or (room > 0 and not slots.buffered):
            return room
        slots.low_water = most - worthwhile
        return 0

    def claimed(self, rows: Sequence[ClaimedRow], now: float) -> None:
        """Learn from a claim that found something."""
        size = sum(len(row[4]) for row in rows) / len(rows)
        self._payload_size = max(size, 0.7 * self._payload_size + 0.3 * size, 1.0)
        if self._busy_since is None:
            self._busy_since = now

    def rested(self) -> None:
        self._busy_since = None

    def busy_for(self, now: float) -> float:
        """Seconds since the last rest."""
        return 0.0 if self._busy_since is None else now - self._busy_since

    def _sample(self, finished: int) -> None:
        now = time.monotonic()
        elapsed = now - self._sampled_at
        if elapsed < SHORTEST_SAMPLE:
            return
        rate = (finished - self._finished) / elapsed
        # Up at once, down slowly: one slow batch does not end the flow.
        self._rate = max(rate, 0.7 * self._rate + 0.3 * rate)
        self._sampled_at, self._finished = now, finished
