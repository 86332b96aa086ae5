"""Executions as people, handles and commands see them, whatever their state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

from pgconductor.store.query import AnyConnection, Query, Rows, run_blocking
from pgconductor.store.statements import statement
from pgconductor.store.uuids import UuidArray

Retryable: TypeAlias = Literal["failed", "cancelled"]
State: TypeAlias = Literal["scheduled", "ready", "running", "waiting", "completed", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """One execution, all there is to know.

    Attributes:
        task: the task's key.
        attempts: handler starts so far.
        version: of the payload.
        run_at: when it is, or became, due.
        error: of the last failure `{type, message, traceback}`, or of the cancellation `{type, message}`.
        worker: that holds it or ended it.
    """

    id: UUID
    queue: str
    task: str
    state: State
    priority: int
    attempts: int
    version: int
    run_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    payload: Any
    result: Any
    error: dict[str, Any] | None
    tags: list[str] | None
    dedupe_key: str | None
    parent_id: UUID | None
    worker: int | None


class Outcome(NamedTuple):
    """What is known of an execution's end.

    Attributes:
        result: JSON text; None where there is none.
        error: `{type, message}` of a failed or cancelled one.
    """

    state: State
    result: str | None
    error: dict[str, Any] | None


def get(connection: AnyConnection, schema: str, execution_id: UUID) -> ExecutionRow | None:
    """The execution with this id, None if there is none."""
    rows = run_blocking(connection, [Query(statement("find_execution", schema), {"id": execution_id})])[0]
    return ExecutionRow(*rows[0]) if rows else None


def find(
    connection: AnyConnection,
    schema: str,
    *,
    task: str | None = None,
    queue: str | None = None,
    tag: str | None = None,
    state: State | None = None,
    limit: int = 50,
    before: UUID | None = None,
) -> list[ExecutionRow]:
    """Executions that pass all filters, newest first.

    Args:
        task: a task's key.
        before: only those with a smaller id: the last of one page begins the next.
    """
    values = {"task": task, "queue": queue, "tag": tag, "state": state, "limit": limit, "before": before}
    rows = run_blocking(connection, [Query(statement("list_executions", schema), values)])[0]
    return [ExecutionRow(*row) for row in rows]


def outcomes_query(schema: str, ids: Sequence[bytes]) -> Query:
    return Query(statement("find_outcomes", schema), {"ids": UuidArray(ids)})


def read_outcomes(rows: Rows) -> dict[bytes, Outcome]:
    """By id; an execution that is missing is unknown."""
    return {execution_id: Outcome(*rest) for execution_id, *rest in rows}


def cancel_query(schema: str, execution_id: bytes, reason: str) -> Query:
    return Query(statement("cancel", schema), {"id": UUID(bytes=execution_id), "reason": reason})


def cancel_matching_query(
    schema: str,
    *,
    task: str | None,
    queue: str | None,
    tag: str | None,
    reason: str,
    after: UUID,
    limit: int,
    state: str | None = None,
) -> Query:
    """Cancels one batch; its rows are ids and whether each is cancelled. A full batch is followed by another."""
    values = {
        "task": task,
        "queue": queue,
        "tag": tag,
        "state": state,
        "reason": reason,
        "after": after,
        "limit": limit,
    }
    return Query(statement("cancel_matching", schema), values)


def retry_query(schema: str, execution_id: bytes, from_step: str | None) -> Query:
    """One row: None if the execution is ready again, "" if it is neither failed nor cancelled, or why it cannot be."""
    return Query(statement("retry", schema), {"id": UUID(bytes=execution_id), "from_step": from_step})


def retry_matching_query(
    schema: str,
    *,
    task: str | None,
    queue: str | None,
    tag: str | None,
    state: str | None,
    from_step: str | None,
    after: UUID,
    limit: int,
) -> Query:
    """Retries one batch; its rows are ids and, as in `retry_query`, what became of it."""
    values = {
        "task": task,
        "queue": queue,
        "tag": tag,
        "state": state,
        "from_step": from_step,
        "after": after,
        "limit": limit,
    }
    return Query(statement("retry_matching", schema), values)


def count_matching(
    connection: AnyConnection,
    schema: str,
    *,
    states: Sequence[State],
    task: str | None = None,
    queue: str | None = None,
    tag: str | None = None,
) -> int:
    """How many executions in one of these states pass all filters."""
    values = {"states": list(states), "task": task, "queue": queue, "tag": tag}
    return int(run_blocking(connection, [Query(statement("count_matching", schema), values)])[0][0][0])
