"""Outcomes on their way to the database: everything that came while one flush was under way is the next flush.

No timer: an idle worker settles at once and a busy one batches by itself.
"""

from __future__ import annotations

import asyncio

from pgconductor.store.settlement import Settled


class Outbox:
    """A bounded buffer between the slots, which fill it, and the one flush in flight.

    Args:
        capacity: how many outcomes may wait before slots are held back.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: list[Settled] = []
        self._under_way: list[Settled] = []
        self._filled = asyncio.Event()
        self._flushed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._under_way)

    def resize(self, capacity: int) -> None:
        """Let so many outcomes wait from now on."""
        self._capacity = capacity

    @property
    def all_taken(self) -> bool:
        """Whether the batch under way is all there is."""
        return not self._waiting

    @property
    def full(self) -> bool:
        return len(self._waiting) >= self._capacity

    def put(self, outcome: Settled) -> None:
        self._waiting.append(outcome)
        if len(self._waiting) == 1:
            self._filled.set()

    async def take(self, limit: int) -> list[Settled]:
        """Wait for outcomes and take up to `limit`: the same ones again until `done` says that they are written."""
        if self._under_way:
            return self._under_way
        await self._filled.wait()
        batch = self._waiting[:limit]
        del self._waiting[:limit]
        if not self._waiting:
            self._filled.clear()
        self._under_way = batch
        return batch

    def done(self) -> None:
        """The batch that was taken is written."""
        self._under_way = []
        flushed, self._flushed = self._flushed, asyncio.Event()
        flushed.set()

    def ids(self) -> list[bytes]:
        return [outcome.id for outcome in (*self._waiting, *self._under_way)]

    async def room(self) -> None:
        """Wait until outcomes may be put without growing beyond the capacity."""
        while self.full:
            await self._flushed.wait()

    async def drained(self) -> None:
        """Wait until everything is written."""
        while len(self):
            await self._flushed.wait()
