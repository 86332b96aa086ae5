"""Worker processes that have no order yet: what makes a reload quick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pgconductor.dev.member import Member

# Beyond what one generation needs: the second of two quick saves finds a process too.
MORE = 1


class Spares:
    """Processes that have imported all of ours and wait for an order.

    Args:
        make: begins one.
    """

    def __init__(self, make: Callable[[], Member]) -> None:
        self._make = make
        self._waiting: list[Member] = []
        self._wanted = 0

    def keep(self, count: int) -> None:
        """Have so many ready soon; one is begun after the other, since the first is warm sooner so."""
        self._wanted = count
        self._waiting = [member for member in self._waiting if not member.ended.done()]
        if len(self._waiting) < count and all(member.is_warm for member in self._waiting):
            self._begin()

    def take(self) -> Member:
        """One to be given an order: the warmest there is."""
        self._waiting = [member for member in self._waiting if not member.ended.done()]
        if not self._waiting:
            return self._make()
        return self._waiting.pop(next((n for n, member in enumerate(self._waiting) if member.is_warm), 0))

    async def close(self) -> None:
        self._wanted = 0
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*(member.stop(0) for member in waiting))

    def _begin(self) -> None:
        member = self._make()
        self._waiting.append(member)
        member.warmed.add_done_callback(lambda _: self._go_on(member))

    def _go_on(self, warm: Member) -> None:
        if warm in self._waiting:  # one that has its order already had better not be disturbed
            self.keep(self._wanted)
