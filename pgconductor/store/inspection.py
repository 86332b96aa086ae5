"""A connection for a command that looks at the schema or changes a few rows of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pgconductor.store.faults import explain, is_lost
from pgconductor.store.query import AnyConnection
from pgconductor.store.session import open_blocking, unreachable


@contextmanager
def inspect(url: str) -> Iterator[AnyConnection]:
    """An open connection in autocommit mode; what goes wrong on it is raised in our words.

    Raises:
        DatabaseUnreachable: no connection could be made, or it was lost.
        SchemaMismatch: the schema was not applied.
        DatabaseError: the server refused a statement.
    """
    with open_blocking(url, "pgconductor command") as connection:
        try:
            yield connection
        except psycopg.Error as error:
            raise (unreachable(url, error) if is_lost(connection, error) else explain(error)) from None
