"""Clients without await. Conductors, invokers and handles are written once, asynchronously, over a link; over a link
whose methods block and never suspend, the same coroutines run to their end in one step."""

from __future__ import annotations

from collections.abc import Sequence

from pgconductor.client.link import PooledLink
from pgconductor.client.portal import Portal
from pgconductor.errors import ConductorError
from pgconductor.store.emission import Emission
from pgconductor.store.enqueue import Item
from pgconductor.store.executions import Outcome
from pgconductor.store.query import Query, Rows


class BridgedLink:
    """A pooled link in an event loop of its own, used from any number of threads."""

    def __init__(self, link: PooledLink) -> None:
        self.schema = link.schema
        self._link = link
        self._portal: Portal | None = None

    @property
    def url(self) -> str:
        return self._link.url

    def open(self) -> None:
        if self._portal is not None:
            raise ConductorError("the conductor is open already")
        portal = Portal()
        try:
            portal.call(self._link.open())
        except BaseException:
            portal.close()
            raise
        self._portal = portal

    def close(self) -> None:
        """Finish what is under way, and disconnect."""
        portal, self._portal = self._portal, None
        if portal is not None:
            try:
                portal.call(self._link.close())
            finally:
                portal.close()

    async def enqueue(self, items: Sequence[Item]) -> list[bytes | None]:
        return self._open.call(self._link.enqueue(items))

    async def enqueue_one(self, item: Item) -> bytes | None:
        return self._open.call(self._link.enqueue_one(item))

    async def emit(self, emission: Emission) -> None:
        self._open.call(self._link.emit(emission))

    async def ask(self, query: Query) -> Rows:
        return self._open.call(self._link.ask(query))

    async def outcome(self, execution_id: bytes, timeout: float | None) -> Outcome | None:
        return self._open.call(self._link.outcome(execution_id, timeout))

    @property
    def _open(self) -> Portal:
        if self._portal is None:
            raise ConductorError("the conductor is not open: use `with SyncConductor.connect() as conductor:`")
        return self._portal
