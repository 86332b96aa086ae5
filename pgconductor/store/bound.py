"""Connections of the caller's. Their errors are the caller's too: who may retry a deadlock must be able to see one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import psycopg

from pgconductor.errors import SchemaMismatch
from pgconductor.store.faults import explain
from pgconductor.store.query import AnyAsyncConnection, AnyConnection, Query, Rows, run, run_blocking


def require_async(connection: object) -> None:
    """Refuse what is not an asynchronous psycopg connection.

    Raises:
        TypeError: saying what to use instead.
    """
    if isinstance(connection, psycopg.Connection):
        raise TypeError("bind takes a psycopg.AsyncConnection here; for a psycopg.Connection use the SyncConductor")
    if not isinstance(connection, psycopg.AsyncConnection):
        _refuse(connection, "psycopg.AsyncConnection")


def require_blocking(connection: object) -> None:
    """Refuse what is not a synchronous psycopg connection.

    Raises:
        TypeError: saying what to use instead.
    """
    if isinstance(connection, psycopg.AsyncConnection):
        raise TypeError("bind takes a psycopg.Connection here; for a psycopg.AsyncConnection use the Conductor")
    if not isinstance(connection, psycopg.Connection):
        _refuse(connection, "psycopg.Connection")


def _refuse(connection: object, wanted: str) -> NoReturn:
    found = f"{type(connection).__module__}.{type(connection).__qualname__}"
    raise TypeError(
        f"bind takes a {wanted}, not {found}; of a pool or a framework, take the psycopg connection it wraps"
    )


async def run_bound(connection: AnyAsyncConnection, queries: Sequence[Query]) -> list[Rows]:
    """As `query.run`.

    Raises:
        SchemaMismatch: what the plan needs is missing in this database.
        psycopg.Error: anything else.
    """
    try:
        return await run(connection, queries)
    except psycopg.Error as error:
        _raise(error)


def run_bound_blocking(connection: AnyConnection, queries: Sequence[Query]) -> list[Rows]:
    """The same on a synchronous connection."""
    try:
        return run_blocking(connection, queries)
    except psycopg.Error as error:
        _raise(error)


def _raise(error: psycopg.Error) -> NoReturn:
    explained = explain(error)
    if isinstance(explained, SchemaMismatch):
        raise explained from error
    raise error
