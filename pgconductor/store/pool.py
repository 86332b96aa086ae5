"""The connections of one Conductor: replaced when they break, and tried again where that is safe."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import ConnStatus
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from pgconductor.errors import DatabaseUnreachable
from pgconductor.plan.model import DatabasePlan
from pgconductor.store.faults import TRANSIENT, explain, is_lost
from pgconductor.store.query import Query, Rows, run
from pgconductor.store.session import connection_settings, open_session, unreachable

# Generic plans cost no planning and do not change with statistics, which are wrong half the time for tables that fill
# and empty; the functions that take locks must see, after a wait, what the other transaction wrote.
_SETTINGS = (
    "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off; "
    "set default_transaction_isolation = 'read committed'"
)
# psycopg_pool doubles its delays up to this and then gives up. We do not: a minute's outage must not cost another.
_RECONNECT_TIMEOUT = 2.0
_TRIES = 3


class ConnectionLost(Exception):
    """The connection broke before the reply: whether the statement was executed is unknown.

    Attributes:
        pid: of the session's process.
    """

    def __init__(self, pid: int, reason: str) -> None:
        super().__init__(reason)
        self.pid = pid


class Pool:
    """Asynchronous connections in autocommit mode.

    Args:
        url: a libpq connection string.
        settings: sizes and timeouts.

    Attributes:
        name: `application_name` of all of them, and of no other session.
    """

    def __init__(self, url: str, settings: DatabasePlan) -> None:
        self._url = url
        self._settings = settings
        self.name = f"pgconductor client {secrets.token_hex(4)}"
        self.timeout = settings.pool.timeout_ms / 1000
        self._pooled = False
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            open=False,
            kwargs=connection_settings(url, self.name),
            min_size=settings.pool.min,
            max_size=settings.pool.max,
            timeout=self.timeout,
            configure=self._configure,
            reconnect_timeout=_RECONNECT_TIMEOUT,
            reconnect_failed=_keep_trying,
        )

    async def open(self) -> None:
        """Connect.

        Raises:
            DatabaseUnreachable: no connection could be made.
        """
        session = await open_session(self._url, self.name)
        self._pooled = session.pooled
        await session.connection.close()
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    async def run(self, queries: Sequence[Query]) -> list[Rows]:
        """The rows of each query; several are one transaction.

        Raises:
            DatabaseUnreachable: no connection was to be had; nothing was sent.
            ConnectionLost: something was sent, and no answer came.
            DatabaseError, ValidationError: the server refused it.
        """
        for attempt in range(_TRIES):
            try:
                return await self._run(queries)
            except psycopg.Error as error:
                if error.sqlstate not in TRANSIENT or attempt == _TRIES - 1:
                    raise explain(error) from error
        raise AssertionError("unreachable")

    async def ask(self, query: Query) -> Rows:
        """The rows of a query that may be executed twice: it is, when a connection is lost.

        Raises:
            DatabaseUnreachable: no answer within the pool's timeout.
            DatabaseError: the server refused it.
        """
        deadline = asyncio.get_running_loop().time() + self.timeout
        while True:
            try:
                return (await self.run([query]))[0]
            except ConnectionLost as lost:
                if asyncio.get_running_loop().time() > deadline:
                    raise unreachable(self._url, lost) from None
                await asyncio.sleep(0.05)

    async def _run(self, queries: Sequence[Query]) -> list[Rows]:
        try:
            async with self._connection() as connection:
                pid = connection.info.backend_pid
                try:
                    return await run(connection, queries)
                except psycopg.Error as error:
                    if is_lost(connection, error):
                        await connection.close()
                        raise ConnectionLost(pid, str(error)) from None
                    raise
        except PoolTimeout:
            raise await self._no_connection() from None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        # Not the pool's own `check`: it pauses a second after the second broken connection and ever longer after the
        # next, and a server that was restarted leaves nothing but broken ones.
        while True:
            connection = await self._pool.getconn()
            try:
                if _is_alive(connection):
                    yield connection
                    return
            finally:
                await self._pool.putconn(connection)

    async def _no_connection(self) -> DatabaseUnreachable:
        """Why there is none: the server cannot be reached, or all are in use."""
        try:
            session = await open_session(self._url, self.name)
        except DatabaseUnreachable as error:
            return error
        await session.connection.close()
        return DatabaseUnreachable(
            f"all {self._settings.pool.max} connections were busy for {self.timeout:g} s; raise `pool.max` or "
            "`pool.timeout` in [database]"
        )

    async def _configure(self, connection: AsyncConnection[Any]) -> None:
        connection.prepare_threshold = None if self._pooled else 2
        if self._pooled:
            return
        await connection.execute(_SETTINGS)
        if self._settings.statement_timeout_ms is not None:
            await connection.execute(f"set statement_timeout = {self._settings.statement_timeout_ms}")


def _is_alive(connection: AsyncConnection[Any]) -> bool:
    """Whether the server has not closed the connection. It is not asked: a look at the socket takes 3 us."""
    try:
        for _ in range(2):  # first what the server said before it left, then the end of it
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == ConnStatus.OK


async def _keep_trying(pool: AsyncConnectionPool[Any]) -> None:
    await pool.check()
