"""`pgconductor tasks`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from pgconductor.cli.figures import many
from pgconductor.cli.output import put, put_json, say, with_json
from pgconductor.cli.overview import completed, legend
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_plan
from pgconductor.cli.table import aligned
from pgconductor.plan.model import Plan, TaskPlan
from pgconductor.store.depth import Depth
from pgconductor.store.status import Status, read_status

HEADINGS = (
    "task", "queue", "priority", "attempts", "limit", "triggers",
    "ready", "scheduled", "running", "waiting", "completed/min", "failed/min",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A task in a queue. One that is not declared is of another plan, or was; its executions are still there."""

    key: str
    queue: str
    declared: TaskPlan | None
    depth: Depth
    exact: bool


@click.command()
@with_json
@click.option("--queue", metavar="QUEUE", help="Only of this queue.")
@select_plan
def command(as_json: bool, queue: str | None) -> None:
    """List the tasks: what is declared, what waits and how fast it ends.

    Tasks that only the database still has executions of are listed too.
    """
    project = open_project()
    with project.connection() as connection:
        status = read_status(connection, project.plan.schema_name)
    lines = [line for line in _lines(project.plan, status) if queue in (None, line.queue)]
    if as_json:
        put_json([_object(line, status) for line in lines])
    elif lines:
        put(aligned([HEADINGS, *(_cells(line, status) for line in lines)]))
        for remark in legend(status.queues, status.rates):
            say(remark)
    else:
        say("no tasks")


def _lines(plan: Plan, status: Status) -> Iterator[Line]:
    declared = {task.key: task for task in plan.tasks.values()}
    depths = {(depth.task, queue.name): depth for queue in status.queues for depth in queue.tasks}
    exact = {queue.name: queue.exact for queue in status.queues}
    places = {(task.key, task.queue) for task in declared.values()} | depths.keys()
    for key, queue in sorted(places):
        task = declared.get(key)
        yield Line(key, queue, task, depths.get((key, queue), Depth(key)), exact.get(queue, True))


def _cells(line: Line, status: Status) -> tuple[str, ...]:
    depth, exact = line.depth, line.exact
    return (
        line.key,
        line.queue,
        *_declared(line.declared),
        many(depth.ready, exact=exact),
        many(depth.scheduled, exact=exact),
        many(depth.running),
        many(depth.waiting, exact=exact),
        completed(status.rates, line.queue, line.key),
        f"{status.rates.of('failed', queue=line.queue, task=line.key):,.0f}",
    )


def _declared(task: TaskPlan | None) -> tuple[str, str, str, str]:
    if task is None:
        return "-", "-", "-", "not declared"
    attempts = "forever" if task.retry.max_attempts is None else str(task.retry.max_attempts)
    limit = "-" if task.concurrency is None or task.concurrency.limit is None else str(task.concurrency.limit)
    triggers = sorted({trigger.kind for trigger in task.triggers.values()} | ({"invoke"} if task.invocable else set()))
    return str(task.priority), attempts, limit, ", ".join(triggers) or "-"


def _object(line: Line, status: Status) -> dict[str, object]:
    rates = status.rates
    kept = (line.queue, line.key) not in rates.unkept
    done = rates.of("completed", queue=line.queue, task=line.key)
    return {
        **asdict(line.depth),
        "queue": line.queue,
        "declared": None if line.declared is None else line.declared.model_dump(mode="json"),
        "exact": line.exact,
        "completed_per_minute": round(done, 1) if kept else None,
        "failed_per_minute": round(rates.of("failed", queue=line.queue, task=line.key), 1),
    }
