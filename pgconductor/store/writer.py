"""Enqueueing through a pool: what was acknowledged is there, and what was sent twice is there once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.enqueue import EnqueueRequest, Item
from pgconductor.store.pool import ConnectionLost, Pool
from pgconductor.store.query import Query
from pgconductor.store.statements import statement

_END_TIMEOUT_MS = 1000
_PAUSE = 0.05


class Writer:
    """Enqueues for one schema.

    A lost reply leaves open whether the server executed the statement, or is about to. So its session is ended first,
    and then the same ids are sent through the path that looks whether they are known.
    """

    def __init__(self, pool: Pool, schema: str) -> None:
        self._pool = pool
        self._schema = schema

    async def enqueue(self, items: Sequence[Item]) -> list[bytes | None]:
        """Enqueue all items or none.

        Returns:
            The id of each item's execution, in order; None for a throttled one.

        Raises:
            DatabaseUnreachable: no connection was to be had, or it was lost and no other was to be had in time; the
                message says whether anything may have been written.
            DatabaseError, ValidationError: the server refused it; nothing was written.
        """
        request = EnqueueRequest(self._schema, items)
        try:
            return request.ids(await self._pool.run(request.queries))
        except ConnectionLost as lost:
            forgotten = next((item.terms.task for item in items if not item.terms.kept), None)
            if forgotten is not None:
                raise DatabaseUnreachable(
                    f"the connection was lost while executions were enqueued ({lost}). Whether they were is unknown: "
                    f"task `{forgotten}` does not keep all that ended, so sending them again could run them twice"
                ) from None
            return await self._enqueue_again(items, lost)

    async def _enqueue_again(self, items: Sequence[Item], lost: ConnectionLost) -> list[bytes | None]:
        request = EnqueueRequest(self._schema, items, again=True)
        end = Query(
            statement("end_backend", self._schema),
            {"pid": lost.pid, "name": self._pool.name, "timeout_ms": _END_TIMEOUT_MS},
        )
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._pool.timeout
        reason: Exception = lost
        while loop.time() < deadline:
            try:
                if (await self._pool.run([end]))[0][0][0]:
                    return request.ids(await self._pool.run(request.queries))
            except (ConnectionLost, DatabaseUnreachable) as error:
                reason = error
            await asyncio.sleep(_PAUSE)
        raise DatabaseUnreachable(
            f"the connection was lost while executions were enqueued, and no other was to be had ({reason}). They may "
            "have been written: enqueue again with the same `id` to be sure of one"
        ) from None
