"""The clock of a schema as tests move it. Only databases that were made for a test have one that moves."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg

from pgconductor.errors import DatabaseError
from pgconductor.store.inspection import inspect
from pgconductor.store.query import AnyConnection
from pgconductor.store.session import open_blocking
from pgconductor.store.statements import statement

# Who waits so long waits for itself: a worker in the same event loop, in the midst of a transaction.
LOCK_TIMEOUT = "set lock_timeout = '10s'"


def allow_test_clock(url: str, schema: str) -> None:
    """Let the time of a schema be moved. For databases that were made for a test, by whoever made them."""
    with open_blocking(url, "pgconductor testing") as connection:
        connection.execute(statement("allow_test_clock", schema))


def read_clock(url: str, schema: str) -> datetime:
    """The schema's time."""
    with inspect(url) as connection:
        now: datetime = connection.execute(statement("read_clock", schema)).fetchall()[0][0]
        return now


def move_clock(url: str, schema: str, by: timedelta) -> datetime:
    """Move the time of a schema. Returns the new time.

    Raises:
        DatabaseError: the database was not made for a test.
    """
    with inspect(url) as connection:
        return _move(connection, statement("move_clock", schema), {"by": by})


def set_clock(url: str, schema: str, until: datetime) -> datetime:
    """Move the time of a schema to a moment, from which it goes on. Returns the new time.

    Raises:
        DatabaseError: the database was not made for a test.
    """
    with inspect(url) as connection:
        return _move(connection, statement("set_clock", schema), {"until": until})


def _move(connection: AnyConnection, text: str, values: dict[str, object]) -> datetime:
    connection.execute(LOCK_TIMEOUT)
    try:
        now: datetime = connection.execute(text, values).fetchall()[0][0]
    except psycopg.errors.UndefinedFunction:
        raise DatabaseError(
            "the time of this database cannot be moved: that is left to databases which pgconductor.testing made for a "
            "test, as the fixture `conductor_database` does"
        ) from None
    except psycopg.errors.LockNotAvailable:
        raise DatabaseError(
            "a transaction kept the clock from moving for ten seconds: end it first; if it is a worker's in this event "
            "loop, move the clock from a thread, `await asyncio.to_thread(clock.advance, ...)`"
        ) from None
    return now
