"""Connections of the caller's. Their errors are the caller's too: who may retry a deadlock must be able to see one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn, TypeAlias

import psycopg

from pgconductor.errors import SchemaMismatch
from pgconductor.store.faults import explain
from pgconductor.store.query import AnyAsyncConnection, AnyConnection, Query, Rows, run, run_blocking

# Runs queries on a connection of the caller's, in its transaction. Raises SchemaMismatch where what the plan needs is
# missing in this database, and the psycopg.Error itself for anything else.
Runner: TypeAlias = Callable[[Sequence[Query]], Awaitable[list[Rows]]]


def bound(connection: AnyAsyncConnection) -> Runner:
    """What runs queries on an asynchronous connection.

    Raises:
        TypeError: it is none; saying what to use instead.
    """
    _require(connection, psycopg.AsyncConnection, psycopg.Connection, "SyncConductor")

    async def run_bound(queries: Sequence[Query]) -> list[Rows]:
        try:
            return await run(connection, queries)
        except psycopg.Error as error:
            _raise(error)

    return run_bound


def bound_blocking(connection: AnyConnection) -> Runner:
    """The same of a synchronous connection: a coroutine that never suspends."""
    _require(connection, psycopg.Connection, psycopg.AsyncConnection, "Conductor")

    async def run_bound(queries: Sequence[Query]) -> list[Rows]:
        try:
            return run_blocking(connection, queries)
        except psycopg.Error as error:
            _raise(error)

    return run_bound


def _require(connection: object, wanted: type, other: type, takes_other: str) -> None:
    name = f"psycopg.{wanted.__name__}"
    if isinstance(connection, other):
        raise TypeError(f"bind takes a {name} here; for a psycopg.{other.__name__} use the {takes_other}")
    if not isinstance(connection, wanted):
        found = f"{type(connection).__module__}.{type(connection).__qualname__}"
        raise TypeError(
            f"bind takes a {name}, not {found}; of a pool or a framework, take the psycopg connection it wraps"
        )


def _raise(error: psycopg.Error) -> NoReturn:
    explained = explain(error)
    if isinstance(explained, SchemaMismatch):
        raise explained from error
    raise error
