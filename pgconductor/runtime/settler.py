"""The settler of a worker: one flush in flight, and the next takes all that ended meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pgconductor.plan.model import QueuePlan
from pgconductor.runtime.claimer import Claimer
from pgconductor.runtime.failure import error_text
from pgconductor.runtime.outbox import Outbox
from pgconductor.runtime.report import Report
from pgconductor.runtime.slots import Slots
from pgconductor.store.keeping import DATA_ERRORS
from pgconductor.store.settlement import Finished, Rescheduled, Settled, Settlement

if TYPE_CHECKING:
    from psycopg import AsyncConnection


class Settler:
    """Writes the outcomes of one queue's executions.

    Args:
        id: of the worker.
        claimer: told of what an outcome makes claimable.
        settlement: makes what a batch is written by.
    """

    def __init__(
        self,
        id: int,
        schema: str,
        queue: QueuePlan,
        slots: Slots,
        outbox: Outbox,
        report: Report,
        claimer: Claimer,
        settlement: Callable[..., Settlement],
    ) -> None:
        self._id = id
        self._schema = schema
        self._queue = queue
        self._slots = slots
        self._outbox = outbox
        self._report = report
        self._claimer = claimer
        self._settlement = settlement
        self._attempted: Sequence[Settled] | None = None
        self._unresumed = False

    def retune(self, queue: QueuePlan) -> None:
        """Go by these settings from now on."""
        self._queue = queue

    async def run(self, connection: AsyncConnection) -> None:
        """Settle on this connection, for as long as it lasts."""
        settlement = self._settlement(connection, self._schema, self._queue.name, self._id)
        while True:
            batch = await self._outbox.take(self._queue.flush_batch_size)
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
            self._claimer.slots_freed(freed)
            if wake:
                self._claimer.wake()
            self._look_when_due(batch)
            if not_owned and not again:  # after a lost reply, what is gone may be what the first try wrote
                self._report.not_owned(not_owned)

    def _look_when_due(self, batch: Sequence[Settled]) -> None:
        """What will be tried again is due perhaps before the next look."""
        delays = [outcome.delay_ms for outcome in batch if isinstance(outcome, Rescheduled)]
        if delays and min(delays) <= 0:
            self._claimer.wake()  # ready again already
        elif delays:
            self._claimer.look_by(time.monotonic() + min(delays) / 1000)

    async def _write(self, settlement: Settlement, batch: Sequence[Settled]) -> list[bytes]:
        """Settle a batch; one that the database refuses is halved until only the culprit is left out."""
        try:
            return await settlement.settle(batch)
        except DATA_ERRORS as error:
            if len(batch) == 1:
                self._report.unwritable(batch[0], error)
                return await settlement.settle([_unwritable(batch[0], error)])
        half = len(batch) // 2
        return await self._write(settlement, batch[:half]) + await self._write(settlement, batch[half:])


def _unwritable(outcome: Settled, error: Exception) -> Settled:
    reason = f"the outcome could not be stored: {error}"
    return Finished(outcome.id, outcome.lease, "failed", None, error_text("UnwritableOutcome", reason))
