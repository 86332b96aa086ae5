"""All generations of a session: the one that serves, the one that starts, and those that end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from pgconductor.dev.generation import TOTALS, Generation
from pgconductor.dev.member import Member, StartFailed, manner
from pgconductor.dev.order import Order
from pgconductor.dev.spares import MORE, Spares
from pgconductor.runtime.supervisor import FIRST_RESTART, LONGEST_RESTART, SETTLED_AFTER

logger = logging.getLogger("pgconductor.dev")

# A generation that is still starting when the next change comes has so long to make it.
PATIENCE = 3.0
# An import that takes so long is worth a word.
SLOW_START = 10.0
# What is enqueued once a generation is announced is not run by the old one, unless its loop is blocked for so long.
HANDOVER = 0.5
# New spares are begun once the first executions on the new code are not kept waiting by it.
SPARES_AFTER = 0.5


class Lineage:
    """Starts generations, and lets the one before end.

    Args:
        make: begins a worker process.
        on_lost: called when a process of the current one ended by itself, after a while that grows with every time.
    """

    def __init__(self, make: Callable[[], Member], on_lost: Callable[[], None]) -> None:
        self.current: Generation | None = None
        self.starting: Generation | None = None
        self._former: dict[asyncio.Task[None], Generation] = {}
        self._retired = dict.fromkeys(TOTALS, 0)
        self._number = 0
        self._spares = Spares(make)
        self._on_lost = on_lost
        self._restart_wait = FIRST_RESTART
        self._closing = False

    def prepare(self) -> None:
        """Begin a first process while the project is still being read."""
        self._spares.keep(1)

    async def start(self, orders: list[Order], news: asyncio.Event) -> Generation | None:
        """Start a generation beside the current one, which goes on.

        Args:
            orders: one a process.
            news: set as soon as something else may be wanted.

        Returns:
            The generation, ready; None: it was given up, since it took too long and something else may be wanted.

        Raises:
            StartFailed: one of its processes did not become ready; none is left running then.
        """
        self._number += 1
        self.starting = generation = Generation(self._number, orders, self._spares, self._lost)
        try:
            is_ready = await _patiently(generation, news)
        except StartFailed:
            self.starting = None
            raise
        finally:
            asyncio.get_running_loop().call_later(SPARES_AFTER, self._keep_spares, len(orders))
        self.starting = None
        return generation if is_ready else None

    async def hand_over(self, generation: Generation, grace: float, on_ended: Callable[[], None]) -> None:
        """Make a generation that is ready the current one; the old one claims no more once this returns.

        Args:
            grace: seconds for what runs in the old one to end.
            on_ended: called once no older one is left.
        """
        old, self.current = self.current, generation
        if old is None:
            return
        ending = asyncio.create_task(self._stop(old, grace))
        self._former[ending] = old
        ending.add_done_callback(lambda ending: self._has_ended(ending, on_ended))
        await old.claims_no_more(HANDOVER)

    def pause(self, paused: bool) -> None:
        """Let none of them claim, or let them claim again."""
        for generation in (self.current, self.starting):
            if generation is not None:
                generation.pause(paused)

    def hurry(self) -> None:
        """A stop that is under way is to end now."""
        for generation in self._all():
            generation.hurry()

    def queues(self) -> Mapping[str, Mapping[str, Any]]:
        """What the current one says of its queues."""
        return self.current.queues() if self.current else {}

    def totals(self) -> dict[str, int]:
        """How many executions ended how in all of them."""
        live = [generation.totals() for generation in self._all()]
        return {name: self._retired[name] + sum(totals[name] for totals in live) for name in TOTALS}

    def closing(self) -> None:
        """From here on processes that end are no news."""
        self._closing = True

    async def close(self, grace: float) -> None:
        """End all of them."""
        self.closing()
        live = [generation for generation in (self.current, self.starting) if generation is not None]
        await asyncio.gather(*(self._stop(generation, grace) for generation in live), *self._former)
        self.current = self.starting = None
        await self._spares.close()

    def _all(self) -> list[Generation]:
        found = [*self._former.values(), self.current, self.starting]
        return [generation for generation in found if generation is not None]

    def _keep_spares(self, processes: int) -> None:
        if not self._closing:
            self._spares.keep(processes + MORE)

    def _lost(self, generation: Generation, pid: int | None, code: int) -> None:
        if generation is not self.current or self._closing:
            return
        if time.monotonic() - generation.started_at > SETTLED_AFTER:
            self._restart_wait = FIRST_RESTART
        logger.error("worker process %s ended with %s; another one in %.1f s", pid, manner(code), self._restart_wait)
        asyncio.get_running_loop().call_later(self._restart_wait, self._on_lost)
        self._restart_wait = min(2 * self._restart_wait, LONGEST_RESTART)

    async def _stop(self, generation: Generation, grace: float) -> None:
        await generation.stop(grace)
        for name, count in generation.totals().items():
            self._retired[name] += count

    def _has_ended(self, ending: asyncio.Task[None], on_ended: Callable[[], None]) -> None:
        del self._former[ending]
        if not self._former and not self._closing:
            on_ended()


async def _patiently(generation: Generation, news: asyncio.Event) -> bool:
    """Wait until a generation is ready; False: it was given up."""
    starting = asyncio.create_task(generation.start())
    waking = asyncio.create_task(news.wait())
    try:
        await asyncio.wait((starting, waking), return_when=asyncio.FIRST_COMPLETED, timeout=SLOW_START)
        if not starting.done() and not waking.done():
            logger.warning(
                "generation %d is not ready after %g s; it is still being imported", generation.number, SLOW_START
            )
            await asyncio.wait((starting, waking), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((starting,), timeout=PATIENCE)
        if starting.done():
            starting.result()
            return True
        await generation.stop(0)
        return False
    finally:
        for task in (starting, waking):
            task.cancel()
        await asyncio.gather(starting, waking, return_exceptions=True)
