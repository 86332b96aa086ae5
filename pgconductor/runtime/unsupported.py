"""Features that conductor.toml can declare and this version cannot run: refused at start, never ignored."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pgconductor.errors import PlanError
from pgconductor.plan.model import Plan, TaskPlan


def refuse_unsupported(plan: Plan, queues: Collection[str]) -> None:
    """Check the tasks that are about to be served.

    Raises:
        PlanError: at least one uses what cannot be run yet; every use is listed.
    """
    uses = [
        f"  task `{task.name}`: {feature}"
        for task in plan.tasks.values()
        if task.queue in queues and task.handler
        for feature in _features(task)
    ]
    if uses:
        raise PlanError(
            "\n".join(
                [
                    "this version of pgconductor checks these features but cannot run them yet:",
                    *uses,
                    "remove them, upgrade pgconductor, or serve other queues with `--queue`",
                ]
            )
        )


def _features(task: TaskPlan) -> Iterator[str]:
    for name, trigger in task.triggers.items():
        yield f"trigger `{name}` ({trigger.kind})"
    if task.concurrency is not None and task.concurrency.key is not None:
        yield "`concurrency` with a key"
    if task.rate_limit is not None:
        yield "`rate_limit`"
    if task.windows:
        yield "`windows`"
    if task.batch is not None:
        yield "`batch`"
