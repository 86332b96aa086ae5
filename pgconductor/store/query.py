"""Statements as values, and the two ways to run them.

What clients and commands ask is made and read by pure functions; these run it on a connection of either kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
from psycopg.pq import Format
from psycopg.rows import tuple_row

Rows: TypeAlias = "list[tuple[Any, ...]]"
AnyConnection: TypeAlias = "Connection[Any]"
AnyAsyncConnection: TypeAlias = "AsyncConnection[Any]"


class Query(NamedTuple):
    """The text of a statement, with psycopg's `%(name)s` for its values."""

    text: str
    values: Mapping[str, Any] = {}


async def run(connection: AnyAsyncConnection, queries: Sequence[Query]) -> list[Rows]:
    """The rows of each query; several are one transaction, or a savepoint in the caller's."""
    # Made here, not by the connection: the caller's may return rows and read parameters in ways of its own.
    cursor = AsyncCursor(connection, row_factory=tuple_row)
    cursor.format = Format.BINARY
    if len(queries) == 1:
        return [await _fetch(cursor, queries[0])]
    async with connection.transaction():
        return [await _fetch(cursor, query) for query in queries]


def run_blocking(connection: AnyConnection, queries: Sequence[Query]) -> list[Rows]:
    """The same on a synchronous connection."""
    cursor = Cursor(connection, row_factory=tuple_row)
    cursor.format = Format.BINARY
    if len(queries) == 1:
        return [_fetch_blocking(cursor, queries[0])]
    with connection.transaction():
        return [_fetch_blocking(cursor, query) for query in queries]


async def _fetch(cursor: AsyncCursor[tuple[Any, ...]], query: Query) -> Rows:
    await cursor.execute(query.text, query.values)
    return await cursor.fetchall()


def _fetch_blocking(cursor: Cursor[tuple[Any, ...]], query: Query) -> Rows:
    return cursor.execute(query.text, query.values).fetchall()
