"""What handles of both kinds make of what the database says. Pure."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from pgconductor.api.task import Task
from pgconductor.duration import Duration, to_milliseconds
from pgconductor.errors import (
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionNotFound,
    ResultTimeout,
    ValidationError,
)
from pgconductor.store.executions import Outcome


def seconds(timeout: Duration | None) -> float | None:
    """A timeout as asyncio takes it.

    Raises:
        ValidationError: not a duration.
    """
    try:
        return None if timeout is None else to_milliseconds(timeout) / 1000
    except (TypeError, ValueError) as error:
        raise ValidationError(f"`timeout` is refused: {error}") from None


def known(outcome: Outcome | None, execution_id: bytes, task: Task[Any, Any] | None) -> Outcome:
    """The outcome of an execution that must exist.

    Raises:
        ExecutionNotFound: it does not.
    """
    if outcome is not None:
        return outcome
    name = f" of task `{task.name}`" if task else ""
    raise ExecutionNotFound(
        f"there is no execution {UUID(bytes=execution_id)}{name}: it ended and its retention has passed (a retention "
        'of "0s" keeps nothing), or the transaction it was enqueued in was not committed',
        execution_id=str(UUID(bytes=execution_id)),
    )


def result_of(outcome: Outcome, execution_id: bytes, task: Task[Any, Any] | None) -> Any:
    """The result of an execution that ended: of the task's type, or plain JSON where the task is not known.

    Raises:
        ExecutionFailed, ExecutionCancelled: it has none.
    """
    if outcome.state == "completed":
        return task.decode_result(outcome.result) if task else json.loads(outcome.result or "null")
    error = outcome.error or {}
    kind, message = error.get("type"), error.get("message") or "no reason was recorded"
    named = f"execution {UUID(bytes=execution_id)}" + (f" of task `{task.name}`" if task else "")
    if outcome.state == "cancelled":
        raise ExecutionCancelled(f"{named} was cancelled: {message}", execution_id=str(UUID(bytes=execution_id)))
    raise ExecutionFailed(
        f"{named} failed: {kind or 'error'}: {message}", execution_id=str(UUID(bytes=execution_id)), error_type=kind
    )


def timed_out(execution_id: bytes, timeout: Duration | None) -> ResultTimeout:
    name = str(UUID(bytes=execution_id))
    return ResultTimeout(f"execution {name} had not ended after {timeout}; it goes on", execution_id=name)


def retried(problem: str | None, execution_id: bytes) -> bool:
    """Whether an execution runs again, by what `retry_query` said.

    Raises:
        ValidationError: it cannot.
    """
    if problem:
        raise ValidationError(f"execution {UUID(bytes=execution_id)} cannot be retried: {problem}")
    return problem is None
