"""Claiming: rows of one queue move from ready to running, under one worker and a new lease."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from psycopg import AsyncConnection

from pgconductor.plan.model import Lane, QueuePlan
from pgconductor.store.records import Recorded
from pgconductor.store.statements import statement
from pgconductor.store.steps import load_recorded
from pgconductor.store.times import LONG_AGO, Moment
from pgconductor.store.uuids import UuidArray

# One execution as a claim returns it: id, task, version, attempt, payload, priority, run_at, whether a parent waits for
# it, whether it has steps. A bare tuple, since naming the fields of each costs more than decoding them; id and run_at
# as bytes, since objects of them cost 0.5 us a row.
ClaimedRow: TypeAlias = tuple[bytes, str, int, int, str, int, bytes, bool, bool]


class Stopping(NamedTuple):
    """A running execution that someone asked to stop."""

    id: bytes
    lease: int
    reason: str


@dataclass(frozen=True)
class Look:
    """What an idle worker learned.

    Attributes:
        expired: executions whose waits had run out, ready again.
        children_ended: some have, and their parents have not counted them.
        lanes: positions of the lanes that have ready rows.
        next_due: seconds until the next scheduled row is due; None when there is none.
    """

    promoted: int
    expired: int
    children_ended: bool
    next_due: float | None
    lanes: tuple[int, ...]
    paused: bool


class Floor:
    """Where the last claim of the open lane ended.

    While a long transaction elsewhere keeps dead rows visible, a claim from the start walks over all that were ever
    claimed: 16 us a job and growing against 7.6 us with a floor. Rows may appear below it (a higher priority, a late
    commit), so it is given up whenever a claim comes back short, and otherwise on a duty cycle that spends at most a
    tenth of the time on claims from the start.
    """

    _START: dict[str, Any] = {
        "floor_rank": -1000,
        "floor_run_at": LONG_AGO,
        "floor_id": "00000000-0000-0000-0000-000000000000",
    }
    SHORTEST_CYCLE = 0.1

    def __init__(self) -> None:
        self.parameters = self._START
        self._rescan_at = 0.0
        self._from_start = True

    def before_claim(self, now: float) -> None:
        self._from_start = self.parameters is self._START or now >= self._rescan_at
        if self._from_start:
            self.parameters = self._START

    def after_claim(self, started: float, now: float, last: ClaimedRow | None, full: bool) -> None:
        if self._from_start:
            self._rescan_at = now + max(self.SHORTEST_CYCLE, 10 * (now - started))
        if last is None or not full:
            self.parameters = self._START
        else:
            id, _, _, _, _, priority, run_at, _, _ = last
            self.parameters = {"floor_rank": -priority, "floor_run_at": Moment(run_at), "floor_id": id.hex()}


class Claims:
    """The claim and poll statements of one queue, on one connection.

    Args:
        connection: in autocommit mode, reading uuid as bytes.
        worker: the worker's id in `workers`.
    """

    def __init__(self, connection: AsyncConnection, schema: str, queue: QueuePlan, worker: int) -> None:
        self._schema = schema
        self.queue = queue
        self._worker = worker
        self._floor = Floor()
        self._connection = connection
        self._cursor = connection.cursor(binary=True)

    async def claim(self, lane: Lane, lease: int, limit: int) -> list[ClaimedRow]:
        """Take up to `limit` rows of a lane under `lease`, in the order they should run."""
        if lane.task is not None:
            return await self._take(lane, {"lane_limit": lane.limit}, lease, limit)
        started = time.monotonic()
        self._floor.before_claim(started)
        rows = await self._take(lane, self._floor.parameters, lease, limit)
        self._floor.after_claim(started, time.monotonic(), rows[-1] if rows else None, len(rows) == limit)
        return rows

    async def look(self, limit: int) -> Look:
        """Promote up to `limit` due rows, and say what is ready and when the next is due."""
        await self._cursor.execute(self.queue.poll, {"limit": limit}, prepare=True)
        row = await self._cursor.fetchone()
        assert row is not None
        promoted, expired, children_ended, next_due, lanes, paused = row
        return Look(promoted, expired, children_ended, next_due, tuple(lanes), bool(paused))

    async def load_recorded(self, ids: Sequence[bytes]) -> dict[bytes, tuple[Recorded, ...]]:
        """What the durable calls of claimed executions left, by execution."""
        return await load_recorded(self._connection, self._schema, ids)

    async def resume(self) -> int:
        """Count the children that ended. Returns how many parents are ready again because of it."""
        await self._execute("resume", {})
        row = await self._cursor.fetchone()
        return int(row[0]) if row else 0

    async def set_idle(self, idle: bool) -> None:
        """Say whether an enqueue should wake this worker."""
        await self._execute("set_idle", {"worker": self._worker, "idle": idle})

    async def find_stopping(self) -> list[Stopping]:
        """The executions of this worker that someone asked to stop."""
        await self._execute("find_stopping", {"worker": self._worker})
        return [Stopping(*row) for row in await self._cursor.fetchall()]

    async def release_strays(self, known: Sequence[bytes]) -> int:
        """Give back what the database says this worker holds, but for the executions that the worker knows of."""
        await self._execute("release_strays", {"worker": self._worker, "known": UuidArray(known)})
        return len(await self._cursor.fetchall())

    async def find_lost(self, held: Sequence[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        """Which of these executions, each with its lease, this worker does not hold any more."""
        ids, leases = UuidArray([id for id, _ in held]), [lease for _, lease in held]
        await self._execute("find_lost", {"worker": self._worker, "ids": ids, "leases": leases})
        return [(id, lease) for id, lease in await self._cursor.fetchall()]

    async def _take(self, lane: Lane, extra: dict[str, Any], lease: int, limit: int) -> list[ClaimedRow]:
        values = {**extra, "worker": self._worker, "lease": lease, "limit": limit}
        await self._cursor.execute(lane.claim, values, prepare=True)
        return await self._cursor.fetchall()

    async def _execute(self, verb: str, values: dict[str, Any]) -> None:
        await self._cursor.execute(statement(verb, self._schema, self.queue.name), values, prepare=True)
