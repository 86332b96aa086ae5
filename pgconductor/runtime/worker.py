"""A worker: one queue in one process. Claim, execute and settle overlap.

While one batch executes, the next is claimed and the last is settled. Three things run at a time: the claimer, which
keeps the slots supplied; the slots; and the one flush in flight, which takes all that finished meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pgconductor.plan.model import Plan, QueuePlan
from pgconductor.runtime.claimer import Claimer
from pgconductor.runtime.executors import Executor, Threads
from pgconductor.runtime.handlers import Handler
from pgconductor.runtime.journal import Journal
from pgconductor.runtime.outbox import Outbox
from pgconductor.runtime.outcome import GivenBack
from pgconductor.runtime.report import Report
from pgconductor.runtime.settler import Settler
from pgconductor.runtime.slots import Slots
from pgconductor.runtime.tenure import Tenure
from pgconductor.store.keeping import keep_connected, watch
from pgconductor.store.session import CLAIM_SETTINGS, RELAXED_SETTINGS, WORKER_SETTINGS
from pgconductor.store.settlement import Settlement

logger = logging.getLogger("pgconductor")

# For handlers to end once they were stopped, and for outcomes to be written, at shutdown.
LAST_WORDS = 5.0
# Outcomes that may wait for the database before the slots do.
OUTBOX_BATCHES = 20


@dataclass(frozen=True)
class Info:
    """A worker at a moment.

    Attributes:
        buffered: claimed, waiting for a slot.
        running: under way in a slot.
        unsettled: ended, not yet written.
    """

    queue: str
    worker: int
    buffered: int
    running: int
    unsettled: int
    report: Report


class Writers(NamedTuple):
    """What a worker writes what it did through. A test of crashes puts in its place what dies on the way."""

    journal: Callable[..., Journal] = Journal
    settlement: Callable[..., Settlement] = Settlement


USUAL = Writers()


class Worker:
    """Runs the executions of one queue.

    Args:
        id: in `workers`: what its leases are held under.
        tenure: until when it surely holds what it claimed.

    Attributes:
        claimer: whoever has news for the worker tells it.
    """

    def __init__(
        self,
        id: int,
        url: str,
        plan: Plan,
        queue: QueuePlan,
        handlers: dict[str, Handler],
        executor: Executor,
        deps: Any,
        tenure: Tenure,
        writers: Writers = USUAL,
    ) -> None:
        self.id = id
        self.queue = queue
        self.tenure = tenure
        self.report = Report(queue.name)
        self._url = url
        self._executor = executor
        self._outbox = Outbox(OUTBOX_BATCHES * queue.flush_batch_size)
        self._journal = writers.journal(url, plan, queue, id, self._cancel)
        self._step_threads = Threads(f"{queue.name} steps")
        poke = asyncio.Event()
        self._slots = Slots(
            queue,
            handlers,
            executor,
            self._outbox,
            deps,
            self.report,
            tenure,
            self._journal,
            self._step_threads,
            poke.set,
        )
        schema = plan.schema_name
        self.claimer = Claimer(id, schema, queue, self._slots, self._outbox, tenure, poke)
        self._settler = Settler(
            id, schema, queue, self._slots, self._outbox, self.report, self.claimer, writers.settlement
        )

    def start(self, on_broken: Callable[[str, BaseException], None]) -> None:
        """Claim and settle from now on.

        Args:
            on_broken: called if either ends by an error that is not the database's: with its name and the error.
        """
        name = f"pgconductor {self.queue.name}"
        relaxed = RELAXED_SETTINGS if self.queue.durability == "relaxed" else ""
        loop = asyncio.get_running_loop()
        self._claiming = loop.create_task(
            keep_connected(self._url, f"{name} claims", WORKER_SETTINGS + CLAIM_SETTINGS, self.claimer.run)
        )
        self._settling = loop.create_task(
            keep_connected(self._url, f"{name} settles", WORKER_SETTINGS + relaxed, self._settler.run)
        )
        watch(self._claiming, f"the claimer of queue `{self.queue.name}`", on_broken)
        watch(self._settling, f"the settler of queue `{self.queue.name}`", on_broken)

    def retune(self, plan: Plan) -> None:
        """Go by this plan from now on. It may differ in tunables only: `fixed_differences` tells."""
        self.queue = queue = plan.queues[self.queue.name]
        self._journal.retune(plan, queue)
        self._outbox.resize(OUTBOX_BATCHES * queue.flush_batch_size)
        self._slots.retune(queue, plan.tasks.values())
        self.claimer.retune(queue)
        self._settler.retune(queue)

    def info(self) -> Info:
        return Info(
            self.queue.name, self.id, self._slots.buffered, len(self._slots.active), len(self._outbox), self.report
        )

    def stop_starting(self) -> None:
        """Claim no more, and give back what has not started: from here on nothing new runs."""
        self.claimer.stop()
        self._journal.stopping = True
        self._slots.stop_starting()

    async def stop(self, grace: float | None) -> None:
        """After `stop_starting`: let what runs end, settle everything.

        Args:
            grace: seconds for what runs to end; None: the queue's `drain_timeout`. What has not ended by then is given
                back too: it costs no attempt.
        """
        grace = self.queue.drain_timeout_ms / 1000 if grace is None else grace
        if not await self._slots.ended(grace):
            logger.info("queue %s: giving back %d running executions", self.queue.name, len(self._slots.active))
            self._slots.stop_all(GivenBack())
            await self._slots.ended(LAST_WORDS)
        await asyncio.wait([self._claiming], timeout=LAST_WORDS)
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._outbox.drained()
        except TimeoutError:
            logger.error(
                "queue %s: %d outcomes could not be written, their executions will run again", self.queue.name,
                len(self._outbox),
            )  # fmt: skip

    def hurry(self) -> None:
        """Stop what runs now, without waiting for the grace to end."""
        self._slots.stop_all(GivenBack())

    async def close(self) -> None:
        """Drop everything. What is still held is rescued when the lease lapses."""
        self._executor.close()
        self._step_threads.close()
        await self._journal.close()
        for task in (self._claiming, self._settling):
            task.cancel()
        await asyncio.gather(self._claiming, self._settling, return_exceptions=True)

    def _cancel(self, id: bytes, lease: int, reason: str) -> None:
        self._slots.cancel(id, lease, reason)
