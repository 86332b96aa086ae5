"""A generation: the worker processes that serve one plan with one state of the code."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pgconductor.dev.member import Member
from pgconductor.dev.order import Order
from pgconductor.dev.spares import Spares

TOTALS = ("completed", "failed", "retried", "cancelled", "released")


class Generation:
    """Worker processes that were started together and are replaced together.

    Args:
        orders: one a process.
        on_lost: called once when one of them ends though nobody asked it to: with its process id and exit code.
    """

    def __init__(
        self, number: int, orders: list[Order], spares: Spares, on_lost: Callable[[Generation, int | None, int], None]
    ) -> None:
        self.number = number
        self.started_at = time.monotonic()
        self._orders = orders
        self._members = [spares.take() for _ in orders]
        self._on_lost = on_lost
        self._stopping = False

    async def start(self) -> None:
        """Wait until all processes have bound their handlers and claim work.

        Raises:
            StartFailed: one of them did not; none is left running then.
        """
        pairs = zip(self._members, self._orders, strict=True)
        results = await asyncio.gather(*(member.serve(order) for member, order in pairs), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                await self.stop(0)
                raise result
        for member in self._members:
            member.ended.add_done_callback(lambda ended, member=member: self._member_ended(member, ended))  # type: ignore[misc]

    async def retune(self, plan: str) -> None:
        """Push a plan's tunables to all of them.

        Raises:
            PlanError: they cannot take it over while they run.
        """
        await asyncio.gather(*(member.retune(plan) for member in self._members))

    def pause(self, paused: bool) -> None:
        for member in self._members:
            member.pause(paused)

    def hurry(self) -> None:
        """A stop that is under way is to end now."""
        for member in self._members:
            member.hurry()

    async def stop(self, grace: float) -> None:
        """Let what runs end within `grace` seconds, give back the rest, and wait for the end of all processes."""
        self._stopping = True
        await asyncio.gather(*(member.stop(grace) for member in self._members))

    async def claims_no_more(self, timeout: float) -> None:
        """Wait until a stop has reached all of its processes, for so many seconds at most."""
        await asyncio.wait([asyncio.create_task(member.heeds()) for member in self._members], timeout=timeout)

    def queues(self) -> dict[str, dict[str, Any]]:
        """What its processes say of each queue, added up."""
        sums: dict[str, dict[str, Any]] = {}
        for member in self._members:
            for counts in member.counts:
                sum_of = sums.setdefault(counts["queue"], {"running": 0, **dict.fromkeys(TOTALS, 0)})
                for name in sum_of:
                    sum_of[name] += counts[name]
        return sums

    def totals(self) -> dict[str, int]:
        """What its processes have done since they began."""
        return {name: sum(queue[name] for queue in self.queues().values()) for name in TOTALS}

    def _member_ended(self, member: Member, ended: asyncio.Future[int]) -> None:
        if not self._stopping and member.ended_unasked:
            self._on_lost(self, member.pid, ended.result())
