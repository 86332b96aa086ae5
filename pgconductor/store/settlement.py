"""Settling: what became of claimed executions, written in batches and fenced by worker and lease."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeAlias

from psycopg import AsyncConnection

from pgconductor.store.statements import statement
from pgconductor.store.uuids import UuidArray


class Discarded(NamedTuple):
    """Completed, and not kept."""

    id: bytes
    lease: int


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


Settled: TypeAlias = Discarded | Finished | Rescheduled | Released


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
        if len(kinds) == 1:
            ((kind, outcomes),) = kinds.items()
            return await self._write(kind, outcomes)
        lost: list[bytes] = []
        async with self._connection.transaction():
            await self._lock(batch)
            for kind, outcomes in kinds.items():
                lost += await self._write(kind, outcomes)
        return lost

    async def _lock(self, batch: Sequence[Settled]) -> None:
        values = {"worker": self._worker, "ids": UuidArray([outcome.id for outcome in batch])}
        await self._cursor.execute(self._text("lock_running"), values, prepare=True)

    async def _write(self, kind: type[Settled], outcomes: list[Any]) -> list[bytes]:
        verb, columns = _COLUMNS[kind]
        values: dict[str, Any] = {
            "worker": self._worker,
            "ids": UuidArray([outcome.id for outcome in outcomes]),
            "leases": [outcome.lease for outcome in outcomes],
        }
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
