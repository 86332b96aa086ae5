"""Which differences between two plans running workers can take over, and which need new processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgconductor.plan.model import Lane, Plan, QueuePlan, TaskPlan

# What workers read each time anew. `executor`, `processes`, `durability` and `lease` are settled when a process starts:
# its pools, its connections, its heartbeat and its row in the database.
LIVE_QUEUE = frozenset(
    {
        "worker_concurrency",
        "poll_interval_ms",
        "fetch_batch_size",
        "flush_batch_size",
        "drain_timeout_ms",
        "paused_on_create",
        "lanes",
        "poll",
    }
)
LIVE_TASK = frozenset(
    {
        "description",
        "log_payload",
        "priority",
        "timeout_ms",
        "step_timeout_ms",
        "retry",
        "retention",
        "concurrency",
        "rate_limit",
        "dedupe",
        "windows",
        "timezone",
        "batch",
    }
)
# Of the plan as a whole: what no worker looks at once it runs, or what is compared piece by piece.
_APART = frozenset(
    {"queues", "tasks", "hashes", "sources", "files", "environments", "moved", "removed", "timezone", "migrations"}
)


def fixed_differences(old: Plan, new: Plan) -> list[str]:
    """What workers of `old` would have to be started anew for; empty if they can go on under `new`.

    >>> fixed_differences(plan, changed)  # doctest: +SKIP
    ['queue `mail`: executor', 'task `send`: handler']
    """
    found = list(_named(old, new))
    if not found and old.hashes.structure != new.hashes.structure:
        found.append("the structure of the database")
    return found


def _named(old: Plan, new: Plan) -> Iterator[str]:
    for field in sorted(Plan.model_fields.keys() - _APART):
        if getattr(old, field) != getattr(new, field):
            yield f"`{field}`"
    for noun, before, after in (("queue", old.queues, new.queues), ("task", old.tasks, new.tasks)):
        for name in sorted(before.keys() | after.keys()):
            if name in before and name in after:
                fields = sorted(_fixed(before[name], after[name]))
                yield from ([f"{noun} `{name}`: {', '.join(fields)}"] if fields else [])
            else:
                yield f"{noun} `{name}`"


def _fixed(old: Any, new: Any) -> set[str]:
    live = LIVE_QUEUE if isinstance(old, QueuePlan) else LIVE_TASK
    fields = {field for field in type(old).model_fields if getattr(old, field) != getattr(new, field)} - live
    if isinstance(old, QueuePlan) and _shape(old.lanes) != _shape(new.lanes):
        fields.add("lanes")
    if isinstance(old, TaskPlan) and (old.batch is None) != (new.batch is None):
        fields.add("batch")  # the handler gets a sequence, or does not
    return fields


def _shape(lanes: tuple[Lane, ...]) -> list[tuple[Any, ...]]:
    return [(lane.task, lane.index, lane.claim) for lane in lanes]
