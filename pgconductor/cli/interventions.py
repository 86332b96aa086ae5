"""`pgconductor executions cancel|retry`: by id, or all that match."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args
from uuid import UUID

import click

from pgconductor.cli.figures import counted
from pgconductor.cli.output import complain, put, put_json, say, with_json
from pgconductor.cli.project import open_connection, task_key, unknown
from pgconductor.cli.selection import select_plan
from pgconductor.store.executions import (
    Retryable,
    State,
    cancel_matching_query,
    cancel_query,
    count_matching,
    get,
    retry_matching_query,
    retry_query,
)
from pgconductor.store.query import AnyConnection, Query, run_blocking

# Of a bulk change: long transactions keep workers waiting.
BATCH = 500

UNENDED: tuple[State, ...] = ("scheduled", "ready", "running", "waiting")

with_yes = click.option("--yes", is_flag=True, help="Do not ask before a change of all that match.")
with_everything = click.option("--all", "everything", is_flag=True, help="All there are.")


@dataclass(frozen=True)
class Intervention:
    """What is done to executions.

    Attributes:
        states: of those that match.
        one: changes the execution with this id; its only value is for `problem`.
        batch: changes the next that match after this id; its rows are ids and such values.
        problem: None: it was changed; "": it is in no state for that; or why it could not be.
    """

    verb: str
    past: str
    states: Sequence[State]
    one: Callable[[UUID], Query]
    batch: Callable[[UUID], Query]
    problem: Callable[[Any], str | None]


class Change(NamedTuple):
    """What became of an execution; `problem` as an intervention has it."""

    id: UUID
    problem: str | None


@click.command("cancel")
@click.argument("ids", metavar="[ID]...", type=click.UUID, nargs=-1)
@click.option("--task", metavar="TASK", help="All of this task.")
@click.option("--queue", metavar="QUEUE", help="All of this queue.")
@click.option("--tag", metavar="TAG", help="All with this tag.")
@click.option("--state", type=click.Choice(UNENDED), help="All in this state.")
@with_everything
@click.option("--reason", default="cancelled from the command line", show_default=True, help="Kept with each.")
@with_yes
@with_json
@select_plan
def cancel_executions(
    ids: tuple[UUID, ...],
    task: str | None,
    queue: str | None,
    tag: str | None,
    state: State | None,
    everything: bool,
    reason: str,
    yes: bool,
    as_json: bool,
) -> int:
    """Cancel executions: by id, or all that pass every filter.

    One that runs is asked to stop and ends cancelled. The ids of what was cancelled go to stdout.
    """
    _check_choice(ids, everything or any((task, queue, tag, state)), "--task, --queue, --tag, --state or --all")
    with open_connection() as (project, connection):
        schema = project.plan.schema_name
        filters = {"task": task_key(project.plan, task), "queue": queue, "tag": tag}
        what = Intervention(
            "cancel",
            "cancelled",
            (state,) if state else UNENDED,
            lambda id: cancel_query(schema, id.bytes, reason),
            lambda after: cancel_matching_query(
                schema, **filters, state=state, reason=reason, after=after, limit=BATCH
            ),
            lambda cancelled: None if cancelled else "",
        )
        return _intervene(what, connection, schema, ids, filters, yes, as_json)


@click.command("retry")
@click.argument("ids", metavar="[ID]...", type=click.UUID, nargs=-1)
@click.option("--task", metavar="TASK", help="All of this task.")
@click.option("--queue", metavar="QUEUE", help="All of this queue.")
@click.option("--tag", metavar="TAG", help="All with this tag.")
@click.option("--state", type=click.Choice(get_args(Retryable)), help="All that ended so; by default failed.")
@with_everything
@click.option("--from-step", metavar="NAME", help="Forget this step and all that come after it.")
@with_yes
@with_json
@select_plan
def retry_executions(
    ids: tuple[UUID, ...],
    task: str | None,
    queue: str | None,
    tag: str | None,
    state: State | None,
    everything: bool,
    from_step: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Run executions again that failed or were cancelled: by id, or all that pass every filter.

    Each has all its attempts again and keeps the steps that are done; what it waited for in vain is waited for anew.
    Without --state, filters and --all mean those that failed. The ids of what was retried go to stdout.
    """
    _check_choice(ids, everything or any((task, queue, tag, state)), "--task, --queue, --tag, --state or --all")
    wanted: State = state or "failed"
    with open_connection() as (project, connection):
        schema = project.plan.schema_name
        filters = {"task": task_key(project.plan, task), "queue": queue, "tag": tag}
        what = Intervention(
            "retry",
            "retried",
            (wanted,),
            lambda id: retry_query(schema, id.bytes, from_step),
            lambda after: retry_matching_query(
                schema, **filters, state=wanted, from_step=from_step, after=after, limit=BATCH
            ),
            lambda problem: problem,
        )
        return _intervene(what, connection, schema, ids, filters, yes, as_json)


def _check_choice(ids: Sequence[UUID], bulk: bool, options: str) -> None:
    if bool(ids) == bulk:
        raise click.UsageError(f"name executions by id, or give {options}")


def _intervene(
    what: Intervention,
    connection: AnyConnection,
    schema: str,
    ids: Sequence[UUID],
    filters: dict[str, str | None],
    yes: bool,
    as_json: bool,
) -> int:
    if ids:
        return _tell(what, _by_id(what, connection, schema, ids), as_json, bulk=False)
    count = count_matching(connection, schema, states=what.states, **filters)
    if not count:
        say(f"nothing to {what.verb}: no executions match")
    elif not yes and not _agreed(what, count):
        say(f"nothing was {what.past}")
        return 1
    return _tell(what, _matching(what, connection) if count else (), as_json, bulk=bool(count))


def _by_id(what: Intervention, connection: AnyConnection, schema: str, ids: Sequence[UUID]) -> Iterator[Change]:
    for execution_id in ids:
        change = Change(execution_id, what.problem(run_blocking(connection, [what.one(execution_id)])[0][0][0]))
        if change.problem == "":
            row = get(connection, schema, execution_id)
            if row is None:
                raise unknown(execution_id)
            say(f"{execution_id} is {row.state} already")
        yield change


def _matching(what: Intervention, connection: AnyConnection) -> Iterator[Change]:
    after = UUID(int=0)
    while True:
        rows = run_blocking(connection, [what.batch(after)])[0]
        yield from (Change(execution_id, what.problem(value)) for execution_id, value in rows)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]


def _agreed(what: Intervention, count: int) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError(f"{what.verb} asks before it changes all that match; where nobody can answer, say --yes")
    return click.confirm(f"{what.verb.capitalize()} {counted(count, 'execution')}?", err=True)


def _tell(what: Intervention, changes: Iterable[Change], as_json: bool, *, bulk: bool) -> int:
    """Say what was changed and what was not. Returns the exit code: 1 if something was refused."""
    told: list[dict[str, object]] = []
    count = refused = 0
    for change in changes:
        done = change.problem is None
        count += done
        if change.problem:
            refused += 1
            complain(f"error: execution {change.id} cannot be {what.past}: {change.problem}")
        if as_json:
            told.append({"id": str(change.id), what.past: done, "problem": change.problem or None})
        elif done:
            put(str(change.id))
    if as_json:
        put_json(told)
    if bulk:
        say(f"{count:,} {what.past}")
    return 1 if refused else 0
