"""`pgconductor executions`: list, show and tail; what changes executions is in `interventions`."""

from __future__ import annotations

from typing import get_args
from uuid import UUID

import click

from pgconductor.cli.described import as_object, described, trace_as_object
from pgconductor.cli.figures import local
from pgconductor.cli.interventions import cancel_executions, retry_executions
from pgconductor.cli.output import put, put_json, say, with_json
from pgconductor.cli.project import open_connection, open_project, task_key, unknown
from pgconductor.cli.selection import select_plan
from pgconductor.cli.table import aligned
from pgconductor.cli.tail import follow_ends
from pgconductor.store.executions import ENDED, ExecutionRow, State, find, get
from pgconductor.store.timeline import read_timeline


@click.group()
def command() -> None:
    """List, show, follow, cancel and retry executions."""


command.add_command(cancel_executions)
command.add_command(retry_executions)


@command.command("list")
@click.option("--task", metavar="TASK", help="Only of this task.")
@click.option("--queue", metavar="QUEUE", help="Only of this queue.")
@click.option("--tag", metavar="TAG", help="Only with this tag.")
@click.option("--state", type=click.Choice(get_args(State)), help="Only in this state.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="At most so many."
)
@click.option("--before", metavar="ID", type=click.UUID, help="The next page: only those older than this id.")
@with_json
@select_plan
def list_executions(
    task: str | None,
    queue: str | None,
    tag: str | None,
    state: State | None,
    limit: int,
    before: UUID | None,
    as_json: bool,
) -> None:
    """List executions, the newest first."""
    with open_connection() as (project, connection):
        key, schema = task_key(project.plan, task), project.plan.schema_name
        rows = find(connection, schema, task=key, queue=queue, tag=tag, state=state, limit=limit, before=before)
    if as_json:
        put_json([as_object(row) for row in rows])
        return
    if not rows:
        say("no executions")
        return
    put(aligned([("id", "state", "task", "queue", "attempts", "since"), *map(_cells, rows)]))
    if len(rows) == limit:
        say(f"the first {limit}; the next: --before {rows[-1].id}")


@command.command("show")
@click.argument("id", type=click.UUID)
@with_json
@select_plan
def show_execution(id: UUID, as_json: bool) -> None:
    """Show all there is to know of one execution, with a timeline: its attempts, steps, sleeps, children and waits.

    A traceback is shortened to the frames of your own code; --json has all of it.
    """
    with open_connection() as (project, connection):
        row = get(connection, project.plan.schema_name, id)
        if row is None:
            raise unknown(id)
        trace = read_timeline(connection, project.plan.schema_name, row)
    if as_json:
        put_json({**as_object(row), **trace_as_object(trace)})
    else:
        put("\n".join(described(row, trace)))


@command.command("tail")
@click.option("--task", metavar="TASK", help="Only of this task.")
@click.option("--queue", metavar="QUEUE", help="Only of this queue.")
@click.option("--state", type=click.Choice(sorted(ENDED)), help="Only those that end so.")
@click.option(
    "-n",
    "--lines",
    metavar="N",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Begin with so many that ended before.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one object a line, times in UTC.")
@select_plan
def tail_executions(task: str | None, queue: str | None, state: str | None, lines: int, as_json: bool) -> None:
    """Follow executions as they end, until Ctrl-C.

    Tasks whose completed executions are not kept leave no trace to follow.
    """
    project = open_project()
    follow_ends(project, task=task_key(project.plan, task), queue=queue, state=state, lines=lines, as_json=as_json)


def _cells(row: ExecutionRow) -> tuple[str, ...]:
    since = row.finished_at or row.started_at or (row.run_at if row.state == "scheduled" else row.created_at)
    return str(row.id), row.state, row.task, row.queue, str(row.attempts), local(since)
