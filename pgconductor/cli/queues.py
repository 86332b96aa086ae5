"""`pgconductor queues list|pause|resume|purge`."""

from __future__ import annotations

import difflib
import sys

import click

from pgconductor.cli.figures import many
from pgconductor.cli.output import is_terminal, put, put_json, say, with_json
from pgconductor.cli.overview import HEADINGS, as_object, cells, legend
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_plan
from pgconductor.cli.table import aligned
from pgconductor.store.depth import QueueDepth, read_depths, read_now
from pgconductor.store.query import AnyConnection
from pgconductor.store.queues import Purge, set_paused
from pgconductor.store.status import read_status


@click.group()
def command() -> None:
    """List, pause, resume and empty queues."""


@command.command("list")
@with_json
@select_plan
def list_queues(as_json: bool) -> None:
    """List the queues of the database, those that the plan no longer has included."""
    project = open_project()
    with project.connection() as connection:
        status = read_status(connection, project.plan.schema_name)
    if as_json:
        put_json([as_object(status, queue) for queue in status.queues])
        return
    put(aligned([HEADINGS, *(cells(status, queue) for queue in status.queues)]))
    for remark in legend(status.queues, status.rates):
        say(remark)


@command.command("pause")
@click.argument("names", metavar="[QUEUE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All queues.")
@with_json
@select_plan
def pause(names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Stop claiming from queues.

    What runs there ends; what is enqueued waits. A paused queue stays paused over apply, deploys and restarts, until
    `pgconductor queues resume`.
    """
    _set_paused(names, everything, as_json, paused=True)


@command.command("resume")
@click.argument("names", metavar="[QUEUE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All queues.")
@with_json
@select_plan
def resume(names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Go on claiming from paused queues. Idle workers are woken at once, others see it within their poll_interval."""
    _set_paused(names, everything, as_json, paused=False)


@command.command("purge")
@click.argument("name", metavar="QUEUE")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", help="Kept with each execution; by default that the queue was purged.")
@with_json
@select_plan
def purge(name: str, yes: bool, reason: str | None, as_json: bool) -> int:
    """Cancel what is ready or scheduled in a queue.

    Each ends cancelled, is kept like any cancelled execution, and its parent is told; retries are among them, and
    executions about to go on with their next step. What runs, sleeps or waits for something goes on, and what is
    enqueued after the purge began stays.
    """
    project = open_project()
    schema = project.plan.schema_name
    with project.connection() as connection:
        until = read_now(connection, schema)
        (depth,) = _existing(connection, schema, (name,))
        if not yes and depth.ready + depth.scheduled and not _agreed(depth):
            say("nothing was cancelled")
            return 1
        work = Purge(schema, name, until, reason or f"queue `{name}` was purged")
        cancelled = _run(work, connection, expected=depth.ready + depth.scheduled)
        left = work.left(connection)
    if as_json:
        put_json({"queue": name, "cancelled": cancelled, "left": left})
    say(f"queue `{name}`: {cancelled:,} cancelled")
    if left:
        say(f"{left:,} are held by other transactions and were left; purge again when those have ended")
    return 1 if left else 0


def _set_paused(names: tuple[str, ...], everything: bool, as_json: bool, *, paused: bool) -> None:
    if bool(names) == everything:
        raise click.UsageError("name queues, or say --all")
    project = open_project()
    schema = project.plan.schema_name
    with project.connection() as connection:
        wanted = [queue.name for queue in _existing(connection, schema, names)]
        before = set_paused(connection, schema, wanted, paused)
    if as_json:
        put_json([{"queue": name, "paused": paused, "changed": was != paused} for name, was in before.items()])
        return
    word = "paused" if paused else "open"
    for name, was in before.items():
        say(f"queue `{name}` was {word} already" if was == paused else f"queue `{name}` is {word}")


def _existing(connection: AnyConnection, schema: str, names: tuple[str, ...]) -> list[QueueDepth]:
    """The queues of these names, or all."""
    queues = {queue.name: queue for queue in read_depths(connection, schema)[1]}
    for name in names:
        if name not in queues:
            near = difflib.get_close_matches(name, queues, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(queues)}"
            raise click.UsageError(f"no queue `{name}` in the database; {hint}")
    return [queues[name] for name in dict.fromkeys(names)] or list(queues.values())


def _agreed(depth: QueueDepth) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("purge asks before it cancels; where nobody can answer, say --yes")
    ready, scheduled = many(depth.ready, exact=depth.exact), many(depth.scheduled, exact=depth.exact)
    return click.confirm(f"Cancel {ready} ready and {scheduled} scheduled executions of `{depth.name}`?", err=True)


def _run(work: Purge, connection: AnyConnection, expected: int) -> int:
    if not is_terminal(sys.stderr):
        return sum(work.run(connection))
    cancelled = 0
    with click.progressbar(length=max(expected, 1), label="cancelling", file=sys.stderr) as bar:
        for count in work.run(connection):
            cancelled += count
            bar.update(count)
    return cancelled
