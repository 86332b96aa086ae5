"""Draining: work until nothing is runnable now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime

from pgconductor.errors import DatabaseUnreachable
from pgconductor.runtime.worker import Worker
from pgconductor.store.workers import WorkerRegistry

logger = logging.getLogger("pgconductor")

POLL = 0.05
# While others hold what they may yet lose.
SLOW_POLL = 0.2


class Drain:
    """Knows when the workers of a process have nothing left to do.

    A worker is quiet when its last look found nothing, it holds nothing and all its outcomes are written. That says
    nothing about what a dead worker of another process held: it is ready again once it is rescued, which a quiet worker
    may not have seen yet. So all must be found quiet twice, the second time by a look that began after nobody's
    executions were in doubt; and it must have found nothing, since what it ran may have left something to run.
    """

    def __init__(self, workers: Collection[Worker], registry: WorkerRegistry) -> None:
        self._workers = workers
        self._registry = registry
        self._since: datetime | None = None

    async def run(self) -> None:
        """Wait for the end of what is runnable, and of what that enqueues."""
        sure_since: list[int] | None = None
        while True:
            await asyncio.gather(*(worker.claimer.quiet.wait() for worker in self._workers))
            doubtful = await self._others_may_lose()
            claims = [worker.claimer.claims for worker in self._workers]
            if claims == sure_since and not doubtful and all(worker.claimer.quiet.is_set() for worker in self._workers):
                return
            sure_since = None if doubtful else claims
            await asyncio.sleep(SLOW_POLL if doubtful else POLL)
            for worker in self._workers:
                worker.claimer.look_again()

    async def _others_may_lose(self) -> bool:
        """Whether another process that may be dead holds anything of these queues."""
        queues = [worker.queue.name for worker in self._workers]
        try:
            held, self._since = await asyncio.to_thread(self._registry.doubtful, queues, self._since)
        except DatabaseUnreachable as error:
            logger.warning("drain: %s; asking again", error)
            return True
        return held > 0
