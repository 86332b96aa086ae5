"""The claimer of a worker: keeps the slots supplied, and finds out what concerns the executions that they hold."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pgconductor.plan.model import QueuePlan
from pgconductor.runtime.lanes import Lanes
from pgconductor.runtime.outbox import Outbox
from pgconductor.runtime.outcome import GivenBack
from pgconductor.runtime.slots import Slots
from pgconductor.runtime.supply import Supply
from pgconductor.runtime.tenure import Tenure
from pgconductor.store.claims import ClaimedRow, Claims
from pgconductor.store.records import Recorded

if TYPE_CHECKING:
    from psycopg import AsyncConnection

logger = logging.getLogger("pgconductor")

PROMOTE_BATCH = 1000
# After the last work, look again this soon: an enqueue that was committing while the worker went idle woke nobody.
AFTERTHOUGHTS = (0.005, 0.025, 0.1)
# A worker that has had work for so long need not be notified of more.
BUSY_AFTER = 0.05
STOPPING_POLL = 0.5
# Executions that waited this long for a slot are better off with another worker.
STALE_AFTER = 1.0


class Claimer:
    """Claims executions of one queue for its worker's slots.

    Args:
        id: of the worker.
        outbox: what is in it is still held.
        tenure: until when the worker surely holds what it claimed.
        poke: set by whoever has news: room in the slots, a wake-up.

    Attributes:
        quiet: set while there is nothing to do, as far as one can know.
        listening: whether wake-ups can be heard: without them nobody needs to know that it is idle.
        idle: whether the database knows that it wants to be woken.
        claims: how many found something.
    """

    def __init__(
        self, id: int, schema: str, queue: QueuePlan, slots: Slots, outbox: Outbox, tenure: Tenure, poke: asyncio.Event
    ) -> None:
        self.quiet = asyncio.Event()
        self.listening = False
        self.idle = False
        self.claims = 0
        self._id = id
        self._schema = schema
        self._queue = queue
        self._slots = slots
        self._outbox = outbox
        self._tenure = tenure
        self._poke = poke
        self._lanes = Lanes(queue.lanes)
        self._supply = Supply(queue)
        self._claiming = True
        self._paused = False
        self._lease = 0
        self._compare_at = 0.0
        self._stopping_at = 0.0
        self._buffered_at = 0.0
        self._afterthoughts: Sequence[float] = AFTERTHOUGHTS
        self._look_at = 0.0

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

    def look_by(self, at: float) -> None:
        """Something will be due at that moment of the monotonic clock."""
        self._look_at = min(self._look_at, at)
        self._poke.set()

    def slots_freed(self, tasks: Iterable[str]) -> None:
        """Executions of these limited tasks ended here."""
        for task in tasks:
            self._lanes.slot_freed(task)
            self._poke.set()

    def retune(self, queue: QueuePlan) -> None:
        """Go by these settings from now on."""
        self._queue = queue
        self._lanes.retune(queue.lanes)
        self._supply.retune(queue)
        self._look_at = 0.0
        self._poke.set()

    def pause(self) -> None:
        """Claim nothing until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Claim again."""
        self._paused = False
        self.look_again()

    def check_stopping(self) -> None:
        """Someone cancelled a running execution, perhaps one of this worker's."""
        self._stopping_at = 0.0
        self._poke.set()

    def doubt(self) -> None:
        """What is held may be somebody else's: start nothing of it, and ask the database about what runs."""
        if count := self._slots.give_back_buffered():
            logger.info("queue %s: giving back %d executions that have not started", self._queue.name, count)
        self._compare_at = 0.0
        self._poke.set()

    def regain(self) -> None:
        """The lease had lapsed, and the worker is alive: keep it from running what may be somebody else's by now."""
        lapses = self._tenure.lapses
        logger.warning("queue %s: its lease had lapsed", self._queue.name)
        self.doubt()
        self._tenure.regain(lapses)

    def stop(self) -> None:
        """Claim no more: `run` returns."""
        self._claiming = False
        self._poke.set()

    async def run(self, connection: AsyncConnection) -> None:
        """Claim on this connection until `stop`."""
        claims = Claims(connection, self._schema, self._queue, self._id)
        self.idle = False
        self._compare_at = self._look_at = 0.0
        try:
            while self._claiming:
                if claims.queue is not self._queue:
                    claims = Claims(connection, self._schema, self._queue, self._id)
                await self._claim_once(claims, time.monotonic())
            await self._give_back_strays(claims)  # nobody else does once this worker has left
        finally:
            # If the server crashed, claims that it had not written to disk yet are undone.
            self.doubt()

    async def _claim_once(self, claims: Claims, now: float) -> None:
        if now >= self._compare_at:
            self._compare_at = now + self._queue.lease_ms / 1000
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
        limit = min(room, self._queue.fetch_batch_size, lane.limit or room)
        self._lease += 1
        lapses = self._tenure.lapses
        rows = await claims.claim(lane, self._lease, limit)
        now = time.monotonic()
        if len(rows) < limit:
            self._lanes.came_short(position, now + self._queue.poll_interval_ms / 1000)
        if not rows:
            return
        self.quiet.clear()
        self.claims += 1
        self._buffered_at = now
        await self._add(claims, rows, self._lease, lapses)
        self._afterthoughts = AFTERTHOUGHTS
        self._supply.claimed(rows, now)
        if self.idle and self._supply.busy_for(now) > BUSY_AFTER:
            self.idle = False
            await claims.set_idle(False)

    async def _add(self, claims: Claims, rows: list[ClaimedRow], lease: int, lapses: int) -> None:
        """Hand over what was claimed; what ran before is handed over with what it remembers, in one query for all."""
        again = [row for row in rows if row[-1]]
        if not again:
            self._hand_over(rows, lease, lapses)
            return
        self._hand_over([row for row in rows if not row[-1]], lease, lapses)
        self._hand_over(again, lease, lapses, await claims.load_recorded([row[0] for row in again]))

    def _hand_over(
        self,
        rows: list[ClaimedRow],
        lease: int,
        lapses: int,
        recorded: Mapping[bytes, tuple[Recorded, ...]] | None = None,
    ) -> None:
        self._slots.add(rows, lease, recorded)
        if lapses != self._tenure.lapses:  # frozen past the lease while the claim was under way
            self._slots.give_back_buffered()

    async def _look(self, claims: Claims, now: float) -> None:
        self._look_at = math.inf
        look = await claims.look(PROMOTE_BATCH)
        poll = self._queue.poll_interval_ms / 1000 * random.uniform(0.9, 1.1)
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
        if self.listening and not self.idle:
            self.idle = True
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
            self._slots.cancel(*stopping)

    async def _give_back_strays(self, claims: Claims) -> None:
        """What the database says this worker holds and the worker does not know of is nobody's until it is given back.

        A claim whose reply was lost with its connection leaves such rows, and may do so a little after the reconnect.
        """
        count = await claims.release_strays(self._slots.ids() + self._outbox.ids())
        if count:
            logger.warning("queue %s: gave back %d executions claimed without a reply", self._queue.name, count)

    async def _stop_lost(self, claims: Claims) -> None:
        """What runs here although it is somebody else's by now, or ended, need not run on: its outcome is dropped."""
        if not self._slots.active:
            return
        for key in await claims.find_lost(list(self._slots.active)):
            attempt = self._slots.active.get(key)
            if attempt is not None:
                logger.warning("queue %s: stopping %s, its lease had lapsed", self._queue.name, UUID(bytes=attempt.id))
                attempt.stop(GivenBack())

    def _give_back_stale(self) -> None:
        """Slots that are all held by slow handlers: what waits for them is better off with another worker."""
        if self._slots.buffered and time.monotonic() - self._buffered_at > STALE_AFTER:
            self._slots.give_back_buffered()
