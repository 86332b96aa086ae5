"""Connections for the transactions of handlers: opened when one asks, kept for the next."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from pgconductor.plan.model import DatabasePlan
from pgconductor.store.session import connection_settings, unreachable


class Transactions:
    """A pool of either kind; what is never used is never opened.

    Args:
        url: a libpq connection string.
    """

    def __init__(self, url: str, settings: DatabasePlan) -> None:
        self._url = url
        self._options: dict[str, Any] = {
            "min_size": 0,
            "max_size": max(settings.pool.max, 1),
            "timeout": settings.pool.timeout_ms / 1000,
            "kwargs": {**connection_settings(url, "pgconductor transactions"), "prepare_threshold": None},
            "open": False,
        }
        self._async: AsyncConnectionPool[AsyncConnection[Any]] | None = None
        self._blocking: ConnectionPool[Connection[Any]] | None = None
        self._lock = threading.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection in a transaction, committed at the end of the block.

        Raises:
            DatabaseUnreachable: none was to be had in time.
        """
        if self._async is None:
            self._async = AsyncConnectionPool(self._url, check=AsyncConnectionPool.check_connection, **self._options)
            await self._async.open()
        try:
            connection = await self._async.getconn()
        except PoolTimeout as error:
            raise unreachable(self._url, error) from None
        try:
            async with connection.transaction():
                yield connection
        finally:
            await self._async.putconn(connection)

    @asynccontextmanager
    async def begin_here(self) -> AsyncIterator[AsyncConnection[Any]]:
        """The same in a loop that is not the pool's, on a connection for this once."""
        try:
            connection = await AsyncConnection.connect(self._url, **self._options["kwargs"])
        except psycopg.OperationalError as error:
            raise unreachable(self._url, error) from None
        try:
            async with connection.transaction():
                yield connection
        finally:
            await connection.close()

    @contextmanager
    def begin_blocking(self) -> Iterator[Connection[Any]]:
        """The same for a thread."""
        with self._lock:
            if self._blocking is None:
                self._blocking = ConnectionPool(self._url, check=ConnectionPool.check_connection, **self._options)
                self._blocking.open()
        try:
            connection = self._blocking.getconn()
        except PoolTimeout as error:
            raise unreachable(self._url, error) from None
        try:
            with connection.transaction():
                yield connection
        finally:
            self._blocking.putconn(connection)

    async def close(self) -> None:
        if self._async is not None:
            await self._async.close()
        if self._blocking is not None:
            self._blocking.close(timeout=1)
