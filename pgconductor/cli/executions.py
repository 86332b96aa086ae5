"""`pgconductor executions list|show|tail|cancel`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import get_args
from uuid import UUID

import click

from pgconductor.cli.described import as_object, described
from pgconductor.cli.figures import local
from pgconductor.cli.output import put, put_json, say, with_json
from pgconductor.cli.project import Project, open_project
from pgconductor.cli.selection import select_plan
from pgconductor.cli.table import aligned
from pgconductor.cli.tail import follow_ends
from pgconductor.errors import ExecutionNotFound
from pgconductor.plan.model import Plan
from pgconductor.store.executions import (
    ENDED,
    ExecutionRow,
    State,
    cancel_matching_query,
    cancel_query,
    find,
    get,
)
from pgconductor.store.query import AnyConnection, run_blocking

# Of a bulk cancellation: long transactions keep workers waiting.
BATCH = 500


@click.group()
def command() -> None:
    """List, show, follow and cancel executions."""


@command.command("list")
@click.option("--task", metavar="TASK", help="Only of this task.")
@click.option("--queue", metavar="QUEUE", help="Only of this queue.")
@click.option("--state", type=click.Choice(get_args(State)), help="Only in this state.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many."
)
@click.option("--before", metavar="ID", type=click.UUID, help="The next page: only those older than this id.")
@with_json
@select_plan
def list_executions(
    task: str | None, queue: str | None, state: State | None, limit: int, before: UUID | None, as_json: bool
) -> None:
    """List executions, the newest first."""
    with _connection() as (project, connection):
        key, schema = _key(project.plan, task), project.plan.schema_name
        rows = find(connection, schema, task=key, queue=queue, state=state, limit=limit, before=before)
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
    """Show all there is to know of one execution."""
    with _connection() as (project, connection):
        row = get(connection, project.plan.schema_name, id)
    if row is None:
        raise _unknown(id)
    if as_json:
        put_json(as_object(row))
    else:
        put("\n".join(described(row)))


@command.command("cancel")
@click.argument("ids", metavar="[ID]...", type=click.UUID, nargs=-1)
@click.option("--task", metavar="TASK", help="All of this task.")
@click.option("--queue", metavar="QUEUE", help="All of this queue.")
@click.option("--tag", metavar="TAG", help="All with this tag.")
@click.option("--reason", default="cancelled from the command line", show_default=True, help="Kept with each.")
@select_plan
def cancel_executions(ids: tuple[UUID, ...], task: str | None, queue: str | None, tag: str | None, reason: str) -> None:
    """Cancel executions: by id, or all that match.

    One that runs is asked to stop and ends cancelled. The ids of what was cancelled go to stdout.
    """
    filters = (task, queue, tag) != (None, None, None)
    if bool(ids) == filters:
        raise click.UsageError("name executions by id, or give --task, --queue or --tag")
    with _connection() as (project, connection):
        schema = project.plan.schema_name
        if ids:
            _cancel(connection, schema, ids, reason)
        else:
            _cancel_matching(connection, schema, reason, task=_key(project.plan, task), queue=queue, tag=tag)


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
    follow_ends(project, task=_key(project.plan, task), queue=queue, state=state, lines=lines, as_json=as_json)


@contextmanager
def _connection() -> Iterator[tuple[Project, AnyConnection]]:
    project = open_project()
    with project.connection() as connection:
        yield project, connection


def _cancel(connection: AnyConnection, schema: str, ids: Sequence[UUID], reason: str) -> None:
    for execution_id in ids:
        if run_blocking(connection, [cancel_query(schema, execution_id.bytes, reason)])[0][0][0]:
            put(str(execution_id))
            continue
        row = get(connection, schema, execution_id)
        if row is None:
            raise _unknown(execution_id)
        say(f"{execution_id} is {row.state} already")


def _cancel_matching(connection: AnyConnection, schema: str, reason: str, **filters: str | None) -> None:
    after, count = UUID(int=0), 0
    while True:
        query = cancel_matching_query(schema, **filters, reason=reason, after=after, limit=BATCH)
        rows = run_blocking(connection, [query])[0]
        for execution_id, cancelled in rows:
            if cancelled:
                put(str(execution_id))
                count += 1
        if len(rows) < BATCH:
            break
        after = rows[-1][0]
    say(f"{count:,} cancelled")


def _key(plan: Plan, task: str | None) -> str | None:
    """The task's name in the database; of a task that the plan no longer has, its name as it is."""
    return plan.tasks[task].key if task in plan.tasks else task


def _unknown(execution_id: UUID) -> ExecutionNotFound:
    return ExecutionNotFound(
        f"no execution {execution_id}: it never was, or its retention has passed", execution_id=str(execution_id)
    )


def _cells(row: ExecutionRow) -> tuple[str, ...]:
    since = row.finished_at or row.started_at or (row.run_at if row.state == "scheduled" else row.created_at)
    return str(row.id), row.state, row.task, row.queue, str(row.attempts), local(since)
