"""What is asked by names and filters instead of by types and handles."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from pgconductor.client.invoker import Linked, SyncTaskInvoker, TaskInvoker
from pgconductor.client.link import Link
from pgconductor.errors import ValidationError
from pgconductor.plan.model import EventPlan, Plan, TaskPlan
from pgconductor.store.executions import cancel_matching_query

# Of one statement, so that neither locks nor their holders grow with what is cancelled.
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
    """Cancel, batch by batch in the order of ids, what passes every filter that is not None."""
    if task is None and queue is None and tag is None:
        raise ValidationError("cancel_all takes a `task`, a `queue` or a `tag`: it does not cancel everything")
    key = None if task is None else find_task(plan, task).key
    after = UUID(int=0)
    cancelled = 0
    while True:
        query = cancel_matching_query(
            link.schema, task=key, queue=queue, tag=tag, reason=reason, after=after, limit=_BATCH
        )
        rows = await link.ask(query)
        cancelled += sum(1 for _, done in rows if done)
        if len(rows) < _BATCH:
            return cancelled
        after = rows[-1][0]
