"""What went wrong in the database, in our words."""

from __future__ import annotations

import psycopg
from psycopg import errors

from pgconductor.errors import ConductorError, DatabaseError, SchemaMismatch, ValidationError
from pgconductor.store.query import AnyAsyncConnection, AnyConnection

# A deadlock was resolved against us, or two serializable transactions met: nothing was written, the next try may do.
TRANSIENT = frozenset({"40001", "40P01"})
# The server says that it is going down, or that it has ended this session.
_ENDED = "57P"

_UNAPPLIED = (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedFunction, errors.UndefinedColumn)


def is_lost(connection: AnyConnection | AnyAsyncConnection, error: psycopg.Error) -> bool:
    """Whether the connection ended before the reply came."""
    return connection.closed or (error.sqlstate or "").startswith(_ENDED)


def explain(error: psycopg.Error) -> ConductorError:
    """The error to raise in place of what the server said."""
    said = error.diag.message_primary or " ".join(str(error).split())
    if isinstance(error, _UNAPPLIED):
        return SchemaMismatch(f"the database lacks what the plan needs ({said}); run `pgconductor apply`")
    if isinstance(error, errors.UndefinedObject) and error.diag.message_hint:
        return SchemaMismatch(f"{said}. {error.diag.message_hint}")
    if isinstance(error, errors.CheckViolation) and "no partition" in said:
        return SchemaMismatch(f"the database lacks a partition ({said}); run `pgconductor apply`")
    if isinstance(error, errors.DataError):
        return ValidationError(f"the database refused a value: {said}")
    return DatabaseError(f"the database refused the statement: {said}")
