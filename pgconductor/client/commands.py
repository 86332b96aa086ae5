"""What is asked by names and filters instead of by types and handles."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, get_args
from uuid import UUID

from pgconductor.client.invoker import Linked, SyncTaskInvoker, TaskInvoker
from pgconductor.client.link import Link
from pgconductor.errors import ValidationError
from pgconductor.plan.model import EventPlan, Plan, TaskPlan
from pgconductor.store.executions import Retryable, cancel_matching_query, retry_matching_query
from pgconductor.store.query import Query

# Of one statement, so that neither locks nor their holders grow with what is changed.
_BATCH = 500


def invoke_json(conductor: Linked, task: str, payload: str | bytes, options: Mapping[str, Any]) -> Any:
    """What the conductor's own method of the task returns, for a payload as JSON text."""
    declared = find_task(conductor.plan, task)
    invoker = getattr(conductor, declared.name, None)
    if not isinstance(invoker, (TaskInvoker, SyncTaskInvoker)):
        raise ValidationError(
            f"task `{declared.name}` cannot be invoked: it says `invocable = false`, or has only triggers"
        )
    return invoker(invoker.task.validate(payload), **options)


def find_task(plan: Plan, name: str) -> TaskPlan:
    """The task with this name.

    Raises:
        ValidationError: there is none; the message names the closest.
    """
    declared = plan.tasks.get(name)
    if declared is None:
        raise ValidationError(f"no task `{name}`; {_advice(name, plan.tasks)}")
    return declared


def find_event(plan: Plan, name: str) -> EventPlan:
    """The event with this name.

    Raises:
        ValidationError: there is none; the message names the closest.
    """
    declared = plan.events.get(name)
    if declared is None:
        raise ValidationError(f"no event `{name}`; {_advice(name, plan.events)}")
    return declared


def _advice(name: str, declared: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, declared, 1)
    return f"did you mean `{close[0]}`?" if close else f"declared: {', '.join(sorted(declared)) or 'none'}"


async def cancel_matching(
    plan: Plan, link: Link, *, task: str | None, queue: str | None, tag: str | None, reason: str
) -> int:
    """Cancel, batch by batch in the order of ids, what passes every filter that is not None.

    Returns:
        How many were.
    """
    _check_filters("cancel_all", "cancel", task, queue, tag)
    key = _key(plan, task)

    def batch(after: UUID) -> Query:
        return cancel_matching_query(
            link.schema, task=key, queue=queue, tag=tag, reason=reason, after=after, limit=_BATCH
        )

    return sum([1 async for cancelled in _answers(link, batch) if cancelled])


async def retry_matching(
    plan: Plan,
    link: Link,
    *,
    task: str | None,
    queue: str | None,
    tag: str | None,
    state: str,
    from_step: str | None,
) -> int:
    """Retry, batch by batch in the order of ids, what passes every filter that is not None.

    Returns:
        How many were.
    """
    _check_filters("retry_all", "retry", task, queue, tag)
    if state not in get_args(Retryable):
        raise ValidationError(f"retry_all takes back what is failed or cancelled, and nothing that is {state!r}")
    key = _key(plan, task)

    def batch(after: UUID) -> Query:
        return retry_matching_query(
            link.schema, task=key, queue=queue, tag=tag, state=state, from_step=from_step, after=after, limit=_BATCH
        )

    return sum([1 async for problem in _answers(link, batch) if problem is None])


def _check_filters(method: str, verb: str, *filters: str | None) -> None:
    if not any(value is not None for value in filters):
        raise ValidationError(f"{method} takes a `task`, a `queue` or a `tag`: it does not {verb} everything")


def _key(plan: Plan, task: str | None) -> str | None:
    return None if task is None else find_task(plan, task).key


async def _answers(link: Link, batch: Callable[[UUID], Query]) -> AsyncIterator[Any]:
    """What was said of each execution, statement after statement until one finds fewer than it may."""
    after = UUID(int=0)
    while True:
        rows = await link.ask(batch(after))
        for _, answer in rows:
            yield answer
        if len(rows) < _BATCH:
            return
        after = rows[-1][0]
