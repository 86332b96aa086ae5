"""How a conductor reaches the database: through its own pool, or on a connection of the caller's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, Self

from pgconductor.client.coalescer import Coalescer
from pgconductor.client.waits import Waits
from pgconductor.errors import ConductorError
from pgconductor.plan.model import Plan
from pgconductor.store.bound import Runner
from pgconductor.store.emission import Emission, emit
from pgconductor.store.endpoint import open_endpoint
from pgconductor.store.enqueue import EnqueueRequest, Item
from pgconductor.store.executions import Outcome, outcomes_query, read_outcomes
from pgconductor.store.pool import Pool
from pgconductor.store.query import Query, Rows
from pgconductor.store.threads import to_its_end
from pgconductor.store.writer import Writer


class Link(Protocol):
    """What conductors, invokers and execution handles need of a database."""

    @property
    def schema(self) -> str:
        """Where the tables are."""

    @property
    def url(self) -> str:
        """Of the database."""

    async def enqueue(self, items: Sequence[Item]) -> list[bytes | None]:
        """Enqueue all items or none: their executions' ids in order, None for a throttled one."""

    async def enqueue_one(self, item: Item) -> bytes | None:
        """Enqueue one item, perhaps together with those of other callers."""

    async def emit(self, emission: Emission) -> None:
        """Emit an event, once."""

    async def ask(self, query: Query) -> Rows:
        """The rows of a query that may be executed twice."""

    async def outcome(self, execution_id: bytes, timeout: float | None) -> Outcome | None:
        """How an execution ended, once it has; None if it is unknown. Raises TimeoutError."""


class PooledLink:
    """Connections of our own, opened once and used in one event loop.

    Args:
        project: the folder of conductor.toml.
        url: instead of the plan's.
        coalesce: let concurrent single enqueues share statements.
    """

    def __init__(self, plan: Plan, project: Path, url: str | None, coalesce: bool) -> None:
        self.schema = plan.schema_name
        self._plan = plan
        self._project = project
        self._url = url
        self._coalesce = coalesce
        self._resources = ExitStack()
        self._opened: _Opened | None = None

    async def open(self) -> None:
        if self._opened is not None:
            raise ConductorError("the conductor is open already")
        try:
            # An embedded server may have to be started: the loop must not stand still for it.
            endpoint = await to_its_end(
                self._resources.enter_context, open_endpoint(self._plan, self._project, url=self._url)
            )
            pool = Pool(endpoint.url, self._plan.database)
            await pool.open()
        except BaseException:
            await asyncio.to_thread(self._resources.close)
            raise
        self._opened = _Opened(pool, endpoint.url, self.schema)

    @property
    def url(self) -> str:
        if self._opened is None:
            raise _not_open()
        return self._opened.url

    async def close(self) -> None:
        """Finish what is under way, and disconnect."""
        opened, self._opened = self._opened, None
        if opened is not None:
            try:
                await opened.close()
            finally:
                await to_its_end(self._resources.close)

    async def enqueue(self, items: Sequence[Item]) -> list[bytes | None]:
        if not items:
            return []
        with self._open.use() as opened:
            return await opened.writer.enqueue(items)

    async def enqueue_one(self, item: Item) -> bytes | None:
        if self._coalesce:
            return await self._open.coalescer.enqueue(item)
        return (await self.enqueue([item]))[0]

    async def emit(self, emission: Emission) -> None:
        with self._open.use() as opened:
            await emit(opened.pool, self.schema, emission)

    async def ask(self, query: Query) -> Rows:
        with self._open.use() as opened:
            return await opened.pool.ask(query)

    async def outcome(self, execution_id: bytes, timeout: float | None) -> Outcome | None:
        return await self._open.waits.wait(execution_id, timeout)

    @property
    def _open(self) -> _Opened:
        opened = self._opened
        if opened is None:
            raise _not_open()
        if opened.loop is not asyncio.get_running_loop():
            raise ConductorError("the conductor was opened in another event loop; connect one in each")
        return opened


def _not_open() -> ConductorError:
    return ConductorError("the conductor is not open: use `async with Conductor.connect() as conductor:`")


class _Opened:
    """What exists while a link is open."""

    def __init__(self, pool: Pool, url: str, schema: str) -> None:
        self.url = url
        self.loop = asyncio.get_running_loop()
        self.pool = pool
        self.writer = Writer(pool, schema)
        self.coalescer = Coalescer(self.writer.enqueue)
        self.waits = Waits(self._outcomes)
        self.schema = schema
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @contextmanager
    def use(self) -> Iterator[Self]:
        """It is not closed before the end of the block."""
        self._users += 1
        self._unused.clear()
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def close(self) -> None:
        try:
            await self.coalescer.close()
            await self._unused.wait()
        finally:  # also when nobody waits any longer for what is under way
            try:
                await self.waits.close()
            finally:
                await self.pool.close()

    async def _outcomes(self, ids: Sequence[bytes]) -> dict[bytes, Outcome]:
        return read_outcomes(await self.pool.ask(outcomes_query(self.schema, ids)))


class BoundLink:
    """A connection of the caller's: everything happens in its transaction, and nothing is tried twice.

    Args:
        run: its queries.
        waits: where ends are waited for: they happen after the caller's commit, in sight of other connections only.
    """

    def __init__(self, run: Runner, waits: Link) -> None:
        self.schema = waits.schema
        self._run = run
        self._waits = waits

    @property
    def url(self) -> str:
        return self._waits.url

    async def enqueue(self, items: Sequence[Item]) -> list[bytes | None]:
        if not items:
            return []
        request = EnqueueRequest(self.schema, items)
        return request.ids(await self._run(request.queries))

    async def enqueue_one(self, item: Item) -> bytes | None:
        return (await self.enqueue([item]))[0]

    async def emit(self, emission: Emission) -> None:
        await self._run([emission.query(self.schema)])

    async def ask(self, query: Query) -> Rows:
        return (await self._run([query]))[0]

    async def outcome(self, execution_id: bytes, timeout: float | None) -> Outcome | None:
        return await self._waits.outcome(execution_id, timeout)
