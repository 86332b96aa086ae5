"""A worker: one queue in one process. Claim, execute and settle overlap.

While one batch executes, the next is claimed and the last is settled. Three things run at a time: the claimer, which
keeps the slots supplied; the slots; and the one flush in flight, which takes all that finished meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from pgconductor.plan.model import Plan, QueuePlan
from pgconductor.runtime.executors import Executor, Threads
from pgconductor.runtime.failure import error_text
from pgconductor.runtime.handlers import Handler
from pgconductor.runtime.journal import Journal
from pgconductor.runtime.lanes import Lanes
from pgconductor.runtime.outbox import Outbox
from pgconductor.runtime.outcome import Cancelled, GivenBack
from pgconductor.runtime.report import Report
from pgconductor.runtime.slots import Slots
from pgconductor.runtime.supply import Supply
from pgconductor.runtime.tenure import Tenure
from pgconductor.store.claims import ClaimedRow, Claims
from pgconductor.store.keeping import DATA_ERRORS, keep_connected
from pgconductor.store.session import CLAIM_SETTINGS, RELAXED_SETTINGS, WORKER_SETTINGS
from pgconductor.store.settlement import Finished, Rescheduled, Settled, Settlement

if TYPE_CHECKING:
    from psycopg import AsyncConnection

logger = logging.getLogger("pgconductor")

PROMOTE_BATCH = 1000
# After the last work, look again this soon: an enqueue that was committing while the worker went idle woke nobody.
AFTERTHOUGHTS = (0.005, 0.025, 0.1)
# A worker that has had work for so long need not be notified of more.
BUSY_AFTER = 0.05
STOPPING_POLL = 0.5
# For handlers to end once they were stopped, and for outcomes to be written, at shutdown.
LAST_WORDS = 5.0
# Outcomes that may wait for the database before the slots do.
OUTBOX_BATCHES = 20
# Executions that waited this long for a slot are better off with another worker.
STALE_AFTER = 1.0


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
        listening: whether wake-ups can be heard: without them nobody needs to know that it is idle.
        claims: how many found something.
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
        self.quiet = asyncio.Event()
        self.listening = False
        self.claims = 0
        self._url = url
        self._schema = plan.schema_name
        self._executor = executor
        self._lanes = Lanes(queue.lanes)
        self._outbox = Outbox(OUTBOX_BATCHES * queue.flush_batch_size)
        self._poke = asyncio.Event()
        self._writers = writers
        self._journal = writers.journal(url, plan, queue, id, self._stop_running)
        self._step_threads = Threads(f"{queue.name} steps")
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
            self._poke.set,
        )
        self._supply = Supply(queue)
        self._claiming = True
        self._paused = False
        self._lease = 0
        self._compare_at = 0.0
        self._stopping_at = 0.0
        self._buffered_at = 0.0
        self._attempted: Sequence[Settled] | None = None
        self._unresumed = False
        self._idle = False
        self._afterthoughts: Sequence[float] = AFTERTHOUGHTS
        self._look_at = 0.0

    def start(self) -> None:
        name = f"pgconductor {self.queue.name}"
        relaxed = RELAXED_SETTINGS if self.queue.durability == "relaxed" else ""
        loop = asyncio.get_running_loop()
        self._claimer = loop.create_task(
            keep_connected(self._url, f"{name} claims", WORKER_SETTINGS + CLAIM_SETTINGS, self._claim)
        )
        self._settler = loop.create_task(
            keep_connected(self._url, f"{name} settles", WORKER_SETTINGS + relaxed, self._settle)
        )

    def wake(self) -> None:
        """Something was enqueued, for now or for later."""
        if len(self._lanes.all) <= 3:
            self._lanes.wake()
            self._afterthoughts = AFTERTHOUGHTS
        else:
            self._lanes.end_rests()
            self._look_at = 0.0
        self._poke.set()

    def look_again(self) -> None:
        """Find out anew whether there is nothing to do."""
        self.quiet.clear()
        self._lanes.wake()
        self._look_at = 0.0
        self._poke.set()

    def retune(self, plan: Plan) -> None:
        """Go by this plan from now on. It may differ in tunables only: `fixed_differences` tells."""
        self.queue = queue = plan.queues[self.queue.name]
        self._journal.retune(plan, queue)
        self._lanes.retune(queue.lanes)
        self._supply.retune(queue)
        self._outbox.resize(OUTBOX_BATCHES * queue.flush_batch_size)
        self._slots.retune(queue, plan.tasks.values())
        self._look_at = 0.0
        self._poke.set()

    def pause(self) -> None:
        """Claim nothing until `resume`. What is held already runs on."""
        self._paused = True

    def resume(self) -> None:
        """Claim again."""
        self._paused = False
        self.look_again()

    def check_stopping(self) -> None:
        """Someone cancelled a running execution, perhaps one of this worker's."""
        self._stopping_at = 0.0
        self._poke.set()

    def regain(self) -> None:
        """Its lease had lapsed and it is alive again: keep from running what may be somebody else's by now."""
        lapses = self.tenure.lapses
        logger.warning("queue %s: its lease had lapsed", self.queue.name)
        self.doubt()
        self.tenure.regain(lapses)

    def doubt(self) -> None:
        """What it holds may be somebody else's: start nothing of it, and ask the database about what runs."""
        if count := self._slots.give_back_buffered():
            logger.info("queue %s: giving back %d executions that have not started", self.queue.name, count)
        self._compare_at = 0.0
        self._poke.set()

    def info(self) -> Info:
        return Info(
            self.queue.name, self.id, self._slots.buffered, len(self._slots.active), len(self._outbox), self.report
        )

    async def stop(self, grace: float | None) -> None:
        """Claim no more, give back what has not started, let the rest end, settle everything.

        Args:
            grace: seconds for what runs to end; None: the queue's `drain_timeout`. What has not ended by then is given
                back too: it costs no attempt.
        """
        grace = self.queue.drain_timeout_ms / 1000 if grace is None else grace
        self._claiming = False
        self._journal.stopping = True
        self._poke.set()
        self._slots.give_back_buffered()
        if not await self._slots.ended(grace):
            logger.info("queue %s: giving back %d running executions", self.queue.name, len(self._slots.active))
            self._slots.stop_all(GivenBack())
            await self._slots.ended(LAST_WORDS)
        await asyncio.wait([self._claimer], timeout=LAST_WORDS)
        self._slots.give_back_buffered()
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
        for task in (self._claimer, self._settler):
            task.cancel()
        await asyncio.gather(self._claimer, self._settler, return_exceptions=True)

    # The claimer

    async def _claim(self, connection: AsyncConnection) -> None:
        claims = Claims(connection, self._schema, self.queue, self.id)
        self._idle = False
        self._compare_at = self._look_at = 0.0
        try:
            while self._claiming:
                if claims.queue is not self.queue:
                    claims = Claims(connection, self._schema, self.queue, self.id)
                await self._claim_once(claims, time.monotonic())
        finally:
            # If the server crashed, claims that it had not written to disk yet are undone.
            self.doubt()

    async def _claim_once(self, claims: Claims, now: float) -> None:
        if now >= self._compare_at:
            self._compare_at = now + self.queue.lease_ms / 1000
            await self._give_back_strays(claims)
            await self._stop_lost(claims)
        if self._slots.active and now >= self._stopping_at:
            self._stopping_at = now + STOPPING_POLL
            await self._stop_cancelled(claims)
        if now >= self._look_at:
            await self._look(claims, now)
        if self._paused:
            await self._wait(STOPPING_POLL)
        elif not self._lanes.any_hot:
            await self._rest(claims)
        elif (room := self._supply.room(self._slots)) > 0:
            await self._fetch(claims, room)
        else:
            await self._wait(STOPPING_POLL)
            self._give_back_stale()

    async def _fetch(self, claims: Claims, room: int) -> None:
        position, lane = self._lanes.take()
        limit = min(room, self.queue.fetch_batch_size, lane.limit or room)
        self._lease += 1
        lapses = self.tenure.lapses
        rows = await claims.claim(lane, self._lease, limit)
        now = time.monotonic()
        if len(rows) < limit:
            self._lanes.came_short(position, now + self.queue.poll_interval_ms / 1000)
        if not rows:
            return
        self.quiet.clear()
        self.claims += 1
        self._buffered_at = now
        await self._add(claims, rows, self._lease)
        # Stopped, or frozen past the lease, while the claim was under way.
        if not self._claiming or lapses != self.tenure.lapses:
            self._slots.give_back_buffered()
        self._afterthoughts = AFTERTHOUGHTS
        self._supply.claimed(rows, now)
        if self._idle and self._supply.busy_for(now) > BUSY_AFTER:
            self._idle = False
            await claims.set_idle(False)

    async def _add(self, claims: Claims, rows: list[ClaimedRow], lease: int) -> None:
        """Hand over what was claimed; what ran before is handed over with what it remembers, in one query for all."""
        again = [row for row in rows if row[-1]]
        if not again:
            self._slots.add(rows, lease)
            return
        self._slots.add([row for row in rows if not row[-1]], lease)
        self._slots.add(again, lease, await claims.load_recorded([row[0] for row in again]))

    async def _look(self, claims: Claims, now: float) -> None:
        self._look_at = math.inf
        look = await claims.look(PROMOTE_BATCH)
        poll = self.queue.poll_interval_ms / 1000 * random.uniform(0.9, 1.1)
        due = poll if look.next_due is None else max(look.next_due, 0.001)
        # Whoever wanted a look meanwhile wants another one.
        self._look_at = min(self._look_at, 0.0 if look.promoted == PROMOTE_BATCH else now + min(poll, due))
        if look.children_ended and await claims.resume():
            self._lanes.wake()
        if look.expired:
            self._lanes.wake()
        if look.promoted:
            self._lanes.end_rests()
        if not look.paused:
            self._lanes.found_ready(look.lanes, now)

    async def _rest(self, claims: Claims) -> None:
        """Nothing to claim: say so once, look again a few times soon, then sleep until woken or due."""
        self._supply.rested()
        if self.listening and not self._idle:
            self._idle = True
            await claims.set_idle(True)
            self._lanes.wake()  # what was committed before that was seen woke nobody
            return
        wait = self._look_at - time.monotonic()
        if self._afterthoughts:
            soon, *self._afterthoughts = self._afterthoughts
            if soon < wait:
                wait, self._look_at = soon, 0.0
        elif self._slots.held == 0 and len(self._outbox) == 0:
            self.quiet.set()
        await self._wait(wait)

    async def _wait(self, seconds: float) -> None:
        """Sleep until poked. While anything runs, no longer than cancellations may go unnoticed."""
        if self._slots.active:
            seconds = min(seconds, STOPPING_POLL)
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._poke.wait()
        except TimeoutError:
            pass
        self._poke.clear()

    async def _stop_cancelled(self, claims: Claims) -> None:
        for stopping in await claims.find_stopping():
            self._stop_running(*stopping)

    def _stop_running(self, id: bytes, lease: int, reason: str) -> None:
        attempt = self._slots.active.get((id, lease))
        if attempt is not None:
            attempt.stop(Cancelled(reason))

    async def _give_back_strays(self, claims: Claims) -> None:
        """What the database says this worker holds and the worker does not know of is nobody's until it is given back.

        A claim whose reply was lost with its connection leaves such rows, and may do so a little after the reconnect.
        """
        count = await claims.release_strays(self._slots.ids() + self._outbox.ids())
        if count:
            logger.warning("queue %s: gave back %d executions claimed without a reply", self.queue.name, count)

    async def _stop_lost(self, claims: Claims) -> None:
        """What runs here although it is somebody else's by now, or ended, need not run on: its outcome is dropped."""
        if not self._slots.active:
            return
        for key in await claims.find_lost(list(self._slots.active)):
            attempt = self._slots.active.get(key)
            if attempt is not None:
                logger.warning("queue %s: stopping %s, its lease had lapsed", self.queue.name, UUID(bytes=attempt.id))
                attempt.stop(GivenBack())

    def _give_back_stale(self) -> None:
        """Slots that are all held by slow handlers: what waits for them is better off with another worker."""
        if self._slots.buffered and time.monotonic() - self._buffered_at > STALE_AFTER:
            self._slots.give_back_buffered()

    # The settler

    async def _settle(self, connection: AsyncConnection) -> None:
        settlement = self._writers.settlement(connection, self._schema, self.queue.name, self.id)
        while True:
            batch = await self._outbox.take(self.queue.flush_batch_size)
            again, self._attempted = batch is self._attempted, batch
            freed = self._slots.take_freed() if self._outbox.all_taken else set()
            wake = self._slots.take_parked()
            # Kept in mind until it is done: the connection may be lost meanwhile, or outcomes be left for the next.
            self._unresumed |= self._slots.take_child_ended()
            not_owned = await self._write(settlement, batch)
            if self._unresumed:
                wake |= await settlement.resume() > 0
                self._unresumed = not self._outbox.all_taken
            self._outbox.done()
            self._slots_freed(freed)
            if wake:
                self.wake()
            self._look_when_due(batch)
            if not_owned and not again:  # after a lost reply, what is gone may be what the first try wrote
                self.report.not_owned(not_owned)

    def _slots_freed(self, tasks: set[str]) -> None:
        for task in tasks:
            self._lanes.slot_freed(task)
        if tasks:
            self._poke.set()

    def _look_when_due(self, batch: Sequence[Settled]) -> None:
        """What will be tried again is due perhaps before the next look."""
        delays = [outcome.delay_ms for outcome in batch if isinstance(outcome, Rescheduled)]
        if delays and min(delays) <= 0:
            self.wake()  # ready again already
        elif delays:
            self._look_at = min(self._look_at, time.monotonic() + min(delays) / 1000)
            self._poke.set()

    async def _write(self, settlement: Settlement, batch: Sequence[Settled]) -> list[bytes]:
        """Settle a batch; one that the database refuses is halved until only the culprit is left out."""
        try:
            return await settlement.settle(batch)
        except DATA_ERRORS as error:
            if len(batch) == 1:
                self.report.unwritable(batch[0], error)
                return await settlement.settle([_unwritable(batch[0], error)])
        half = len(batch) // 2
        return await self._write(settlement, batch[:half]) + await self._write(settlement, batch[half:])


def _unwritable(outcome: Settled, error: Exception) -> Settled:
    reason = f"the outcome could not be stored: {error}"
    return Finished(outcome.id, outcome.lease, "failed", None, error_text("UnwritableOutcome", reason))
