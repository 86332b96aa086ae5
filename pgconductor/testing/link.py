"""A pooled link in a thread of its own, awaited from any event loop."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from pgconductor.client.link import PooledLink
from pgconductor.client.portal import Portal
from pgconductor.store.enqueue import Item
from pgconductor.store.executions import Outcome
from pgconductor.store.query import Query, Rows


class AwaitedLink:
    """A link that outlives the loops that it is used in: each test may have another."""

    def __init__(self, link: PooledLink) -> None:
        self.schema = link.schema
        self._link = link
        self._portal = Portal()

    def __enter__(self) -> Self:
        try:
            self._portal.call(self._link.open())
        except BaseException:
            self._portal.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._portal.call(self._link.close())
        self._portal.close()

    @property
    def url(self) -> str:
        return self._link.url

    async def enqueue(self, items: Sequence[Item]) -> list[bytes | None]:
        return await self._portal.await_here(self._link.enqueue(items))

    async def enqueue_one(self, item: Item) -> bytes | None:
        return await self._portal.await_here(self._link.enqueue_one(item))

    async def ask(self, query: Query) -> Rows:
        return await self._portal.await_here(self._link.ask(query))

    async def outcome(self, execution_id: bytes, timeout: float | None) -> Outcome | None:
        return await self._portal.await_here(self._link.outcome(execution_id, timeout))
