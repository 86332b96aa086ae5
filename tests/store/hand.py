"""A worker by hand: the store's statements in the order a test wants, with no runtime around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from pgconductor.plan.model import Lane, Plan
from pgconductor.store.claims import ClaimedRow, Claims
from pgconductor.store.session import WORKER_SETTINGS, open_blocking, open_session
from pgconductor.store.settlement import Discarded, Finished, Released, Rescheduled, Settled, Settlement
from pgconductor.store.uuids import read_uuids_as_bytes
from pgconductor.store.workers import WorkerRegistry

ERROR = '{"type": "ValueError", "message": "no"}'


class Hand:
    """One registered worker of one queue.

    Attributes:
        id: in `workers`.
        lease: of its last claim.
        leases: that each execution was last claimed under.
    """

    def __init__(self, dsn: str, plan: Plan, queue: str, connection: AsyncConnection[Any]) -> None:
        self.queue = plan.queues[queue]
        self.connection = connection
        self.registry = WorkerRegistry(dsn, plan, uuid4())
        self.id = self.registry.register(queue)
        self.lease = 0
        self.leases: dict[UUID, int] = {}
        self.claims = Claims(connection, plan.schema_name, self.queue, self.id)
        self.settlement = Settlement(connection, plan.schema_name, queue, self.id)

    def lane(self, task: str | None = None) -> Lane:
        """The lane of a limited task, or the open one."""
        (found,) = (lane for lane in self.queue.lanes if lane.task == task)
        return found

    async def claim(self, limit: int = 10, task: str | None = None, lane: Lane | None = None) -> list[ClaimedRow]:
        """Claim under a new lease."""
        self.lease += 1
        rows = await self.claims.claim(lane or self.lane(task), self.lease, limit)
        self.leases.update(dict.fromkeys(ids_of(rows), self.lease))
        return rows

    async def take(self, limit: int = 10, task: str | None = None) -> list[UUID]:
        """The ids of a claim."""
        return ids_of(await self.claim(limit, task))

    async def look(self) -> None:
        """Promote what is due."""
        await self.claims.look(1000)

    async def settle(self, *outcomes: Settled) -> list[UUID]:
        """Settle a batch. Returns what this worker no longer held."""
        return [UUID(bytes=id) for id in await self.settlement.settle(outcomes)]

    def completed(self, id: UUID, result: str | None = None) -> Finished:
        return Finished(id.bytes, self._lease_of(id), "completed", result, None)

    def failed(self, id: UUID) -> Finished:
        return Finished(id.bytes, self._lease_of(id), "failed", None, ERROR)

    def discarded(self, id: UUID) -> Discarded:
        return Discarded(id.bytes, self._lease_of(id))

    def retried(self, id: UUID, delay_ms: int = 60_000) -> Rescheduled:
        return Rescheduled(id.bytes, self._lease_of(id), delay_ms, ERROR)

    def released(self, id: UUID) -> Released:
        return Released(id.bytes, self._lease_of(id))

    def beat(self) -> None:
        with open_blocking(self.registry.url, "test beat") as connection:
            self.registry.beat(connection)

    def _lease_of(self, id: UUID) -> int:
        return self.leases.get(id, self.lease)


def ids_of(rows: Sequence[ClaimedRow]) -> list[UUID]:
    return [UUID(bytes=row[0]) for row in rows]


@asynccontextmanager
async def hand(dsn: str, plan: Plan, queue: str = "default") -> AsyncIterator[Hand]:
    """A new worker, its connection set up as a worker's is."""
    session = await open_session(dsn, "pgconductor test", settings=WORKER_SETTINGS)
    async with session.connection as connection:
        read_uuids_as_bytes(connection)
        yield Hand(dsn, plan, queue, connection)
