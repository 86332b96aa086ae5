"""`pgconductor executions tail`: a line for each execution that ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import click

from pgconductor.cli.described import as_object
from pgconductor.cli.figures import local
from pgconductor.cli.following import looks
from pgconductor.cli.output import complain, put, put_json, say, wants_color
from pgconductor.cli.project import Project
from pgconductor.cli.timeline import printable
from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.depth import read_now
from pgconductor.store.ends import Ends
from pgconductor.store.executions import ExecutionRow
from pgconductor.store.query import AnyConnection

INTERVAL = 0.5
# Where the history is large a look can take long; so much of the time may go into it.
LOOK_SHARE = 0.1
_COLORS = {"completed": "green", "failed": "red", "cancelled": "yellow"}


def follow_ends(
    project: Project, *, task: str | None, queue: str | None, state: str | None, lines: int, as_json: bool
) -> None:
    """Print the last `lines` ends and then each as it comes, for ever.

    Args:
        task: a task's key.
    """
    for key in _unkept(project, task, queue, state):
        say(f'completed executions of `{key}` leave no trace: retention.completed is "0s"')
    ends: Ends | None = None

    def look(connection: AnyConnection) -> float:
        nonlocal ends
        started = time.monotonic()
        if ends is None:
            schema = project.plan.schema_name
            ends = Ends(schema, read_now(connection, schema), task=task, queue=queue, state=state)
            found: Iterator[ExecutionRow] = iter(ends.last(connection, lines))
        else:
            found = ends.new(connection)
        for row in found:
            if as_json:
                put_json(as_object(row), indent=None)
            else:
                put(_line(row))
        return time.monotonic() - started

    for spent in looks(project, look):
        if isinstance(spent, DatabaseUnreachable):
            complain(f"warning: {spent}; trying again")
            spent = 0.0
        time.sleep(max(INTERVAL, spent / LOOK_SHARE))


def _unkept(project: Project, task: str | None, queue: str | None, state: str | None) -> list[str]:
    if state not in (None, "completed"):
        return []
    return sorted(
        declared.key
        for declared in project.plan.tasks.values()
        if declared.retention.completed_ms == 0 and task in (None, declared.key) and queue in (None, declared.queue)
    )


def _line(row: ExecutionRow) -> str:
    assert row.finished_at is not None
    state = f"{row.state:9}"
    if wants_color(sys.stdout):
        state = click.style(state, fg=_COLORS[row.state])
    took = "" if row.started_at is None else f"  {(row.finished_at - row.started_at).total_seconds():.3f}s"
    attempts = f"  attempt {row.attempts}" if row.attempts > 1 else ""
    error = "" if row.error is None else f"  {row.error.get('type')}: {_first_line(row.error.get('message'))}"
    return f"{local(row.finished_at)}  {state}  {row.id}  {row.task}{attempts}{took}{error}"


def _first_line(message: object) -> str:
    return printable(str(message).strip().partition("\n")[0])
