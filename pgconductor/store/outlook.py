"""What can still become of an execution, for those who bring it about."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from pgconductor.store.executions import State
from pgconductor.store.query import AnyConnection, Query, run_blocking
from pgconductor.store.statements import statement


class Outlook(NamedTuple):
    """An execution, and everything around it, at a moment.

    Attributes:
        state: None: there is no such execution.
        busy: something is ready or running, whatever it is.
        next_due: seconds until the next sleep, retry or timeout is due; None: nothing is.
    """

    state: State | None
    busy: bool
    next_due: float | None


class Awaited(NamedTuple):
    """A wait for an event.

    Attributes:
        match: what fields of the payload must be.
    """

    execution_id: UUID
    step: str
    event: str
    match: dict[str, Any]


def read_outlook(connection: AnyConnection, schema: str, execution_id: UUID) -> Outlook:
    query = Query(statement("read_outlook", schema), {"id": execution_id})
    return Outlook(*run_blocking(connection, [query])[0][0])


def list_awaited(connection: AnyConnection, schema: str) -> list[Awaited]:
    rows = run_blocking(connection, [Query(statement("list_awaited", schema))])[0]
    return [Awaited(execution_id, step, event, match or {}) for execution_id, step, event, match in rows]


def lapse(connection: AnyConnection, schema: str) -> None:
    """Let the leases of all workers end: they are dead."""
    run_blocking(connection, [Query(statement("lapse", schema))])
