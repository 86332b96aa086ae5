"""Emitting an event: once, whatever becomes of the reply."""

from __future__ import annotations

import asyncio
from typing import NamedTuple
from uuid import UUID

from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.pool import ConnectionLost, Pool
from pgconductor.store.query import Query
from pgconductor.store.statements import statement

_PAUSE = 0.05


class Emission(NamedTuple):
    """An event to be emitted.

    Attributes:
        payload: JSON.
        id: of the event: the same id twice is one event, for as long as it is kept.
        retention_ms: how long that is.
    """

    event: str
    payload: bytes
    id: UUID
    retention_ms: int

    def query(self, schema: str) -> Query:
        """Emits it; one row: its id."""
        return emit_query(schema, self.event, self.payload, self.id)


def emit_query(schema: str, event: str, payload: bytes, event_id: UUID | None = None) -> Query:
    """Emits an event; one row: its id."""
    return Query(statement("emit", schema), {"event": event, "payload": payload.decode(), "id": event_id})


async def emit(pool: Pool, schema: str, emission: Emission) -> None:
    """Emit an event. When the reply is lost it is sent again, as long as the server still knows it by its id.

    Raises:
        DatabaseUnreachable: no connection was to be had, or it was lost; the message says whether the event may have
            been emitted.
        DatabaseError, ValidationError: the server refused it; nothing was emitted.
    """
    query = emission.query(schema)
    # Half of its retention: what is sent by then arrives before the first one is forgotten.
    patience = min(pool.timeout, emission.retention_ms / 2000)
    try:
        await pool.run([query])
    except ConnectionLost as lost:
        if not patience:
            raise DatabaseUnreachable(
                f"the connection was lost while event `{emission.event}` was emitted ({lost}). Whether it was is "
                'unknown: its retention is "0s", so to emit it again could tell those who wait twice'
            ) from None
        await _emit_again(pool, query, emission, patience, lost)


async def _emit_again(pool: Pool, query: Query, emission: Emission, patience: float, lost: ConnectionLost) -> None:
    reason: Exception = lost
    try:
        async with asyncio.timeout(patience):
            while True:
                await asyncio.sleep(_PAUSE)
                try:
                    await pool.run([query])
                    return
                except (ConnectionLost, DatabaseUnreachable) as error:
                    reason = error
    except TimeoutError:
        raise DatabaseUnreachable(
            f"the connection was lost while event `{emission.event}` was emitted, and no other was to be had in time "
            f"({reason}). It may have been emitted: to be sure of one, emit it again with the id {emission.id}"
        ) from None
