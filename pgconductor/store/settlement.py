"""Settling: what became of claimed executions, written in batches and fenced by worker and lease."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeAlias

from psycopg import AsyncConnection

from pgconductor.store.bigints import BigintArray
from pgconductor.store.parking import park_columns, spawn_columns
from pgconductor.store.records import Recorded, Wait
from pgconductor.store.statements import statement
from pgconductor.store.uuids import UuidArray


class Discarded(NamedTuple):
    """Ended, and not kept; `traced`: it may have left steps, history or progress, which go with it."""

    id: bytes
    lease: int
    traced: bool = False


class Finished(NamedTuple):
    """Ended, and kept."""

    id: bytes
    lease: int
    state: Literal["completed", "failed", "cancelled"]
    result: str | None
    error: str | None


class Rescheduled(NamedTuple):
    """Failed, to be tried again after `delay_ms`."""

    id: bytes
    lease: int
    delay_ms: int
    error: str


class Released(NamedTuple):
    """Given back without having spent an attempt."""

    id: bytes
    lease: int


class Suspended(NamedTuple):
    """To sleep or to wait: for what no run has waited for before, and for what one has."""

    id: bytes
    lease: int
    attempt: int
    waits: tuple[Wait, ...]
    waited: tuple[Recorded, ...]


Settled: TypeAlias = Discarded | Finished | Rescheduled | Released | Suspended


class Settlement:
    """The settle statements of one queue, on one connection.

    Each is fenced: a row that this worker no longer holds under that lease is left alone, and its id comes back.
    Sending a batch twice therefore changes nothing the second time.
    """

    def __init__(self, connection: AsyncConnection, schema: str, queue: str, worker: int) -> None:
        self._connection = connection
        self._schema = schema
        self._queue = queue
        self._worker = worker
        self._cursor = connection.cursor(binary=True)

    async def settle(self, batch: Sequence[Settled]) -> list[bytes]:
        """Write a batch; all of it or, on an error, none.

        Returns:
            The ids that this worker no longer holds.
        """
        kinds: dict[type[Settled], list[Any]] = {}
        for outcome in sorted(batch, key=_id):
            kinds.setdefault(type(outcome), []).append(outcome)
        if len(kinds) == 1 and Suspended not in kinds:
            ((kind, outcomes),) = kinds.items()
            return await self._write(kind, outcomes)
        lost: list[bytes] = []
        async with self._connection.transaction():
            await self._lock(batch)
            parked = kinds.pop(Suspended, None)
            if parked:
                lost += await self._park(parked)
            for kind, outcomes in kinds.items():
                lost += await self._write(kind, outcomes)
        return lost

    async def resume(self) -> int:
        """Count the children that ended. Returns how many parents are ready again because of it."""
        await self._cursor.execute(self._text("resume"), prepare=True)
        row = await self._cursor.fetchone()
        return int(row[0]) if row else 0

    async def _park(self, parked: Sequence[Suspended]) -> list[bytes]:
        """Within a transaction: the executions, what they wait for, and the children that they wait for."""
        await self._cursor.execute(self._text("park"), {"worker": self._worker, **park_columns(parked)}, prepare=True)
        refused: dict[bytes, bool] = dict(await self._cursor.fetchall())
        children = [
            (one.id, wait, position)
            for one in parked
            if one.id not in refused
            for wait in one.waits
            for position in range(len(wait.children))
        ]
        if children:
            await self._cursor.execute(self._text("spawn"), spawn_columns(children), prepare=True)
        again = [(one.id, record.name) for one in parked for record in one.waited if one.id not in refused]
        if again:
            values = {"ids": UuidArray([id for id, _ in again]), "names": [name for _, name in again]}
            await self._cursor.execute(self._text("recheck"), values, prepare=True)
        return [id for id, stopped in refused.items() if not stopped]

    async def _lock(self, batch: Sequence[Settled]) -> None:
        values = {"worker": self._worker, "ids": UuidArray([outcome.id for outcome in batch])}
        await self._cursor.execute(self._text("lock_running"), values, prepare=True)

    async def _write(self, kind: type[Settled], outcomes: list[Any]) -> list[bytes]:
        verb, columns = _COLUMNS[kind]
        values: dict[str, Any] = {
            "worker": self._worker,
            "ids": UuidArray([outcome.id for outcome in outcomes]),
            "leases": BigintArray([outcome.lease for outcome in outcomes]),
        }
        if kind is Discarded:
            values["traced"] = UuidArray([outcome.id for outcome in outcomes if outcome.traced])
        for parameter, attribute in columns:
            values[parameter] = [getattr(outcome, attribute) for outcome in outcomes]
        await self._cursor.execute(self._text(verb), values, prepare=True)
        return [row[0] for row in await self._cursor.fetchall()]

    def _text(self, verb: str) -> str:
        return statement(verb, self._schema, self._queue)


_id = attrgetter("id")

_COLUMNS: dict[type[Settled], tuple[str, tuple[tuple[str, str], ...]]] = {
    Discarded: ("discard", ()),
    Finished: ("finish", (("states", "state"), ("results", "result"), ("errors", "error"))),
    Rescheduled: ("reschedule", (("delays", "delay_ms"), ("errors", "error"))),
    Released: ("release", ()),
}
