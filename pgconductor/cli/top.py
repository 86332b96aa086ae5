"""`pgconductor top`."""

from __future__ import annotations

import itertools
import sys
import time
from typing import TYPE_CHECKING

import click

from pgconductor.cli.following import looks
from pgconductor.cli.output import complain, is_terminal, put_json
from pgconductor.cli.project import Project, open_project
from pgconductor.cli.selection import select_plan
from pgconductor.cli.status import status_object
from pgconductor.cli.values import duration
from pgconductor.duration import parse_duration
from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.query import AnyConnection
from pgconductor.store.status import Status, read_status

if TYPE_CHECKING:
    from pgconductor.cli.keyboard import Keyboard

SHORTEST = 0.1


@click.command()
@click.option(
    "--interval", metavar="DURATION", callback=duration, default="1s", show_default=True, help="Between two looks."
)
@click.option(
    "--json", "as_json", is_flag=True, help="For programs: one object a line and look, as of `status --json`."
)
@select_plan
def command(interval: str, as_json: bool) -> None:
    """Show the queues and the workers, live, on the whole terminal.

    q or Ctrl-C ends it. A database that goes away is looked for again.
    """
    seconds = parse_duration(interval) / 1000
    if seconds < SHORTEST:
        raise click.UsageError(f"--interval {interval} would do little but look; {SHORTEST:g}s is the shortest")
    if not as_json and not (is_terminal(sys.stdout) and sys.stdin.isatty()):
        raise click.UsageError("top needs a terminal; `pgconductor status` looks once, --json writes a line a look")
    project = open_project()
    if as_json:
        _write(project, seconds)
    else:
        _draw(project, seconds)


def _look(project: Project, connection: AnyConnection) -> Status:
    return read_status(connection, project.plan.schema_name)


def _write(project: Project, seconds: float) -> None:
    for look in looks(project, lambda connection: _look(project, connection)):
        if isinstance(look, DatabaseUnreachable):
            complain(f"warning: {look}; trying again")
        else:
            put_json(status_object(look), indent=None)
        time.sleep(seconds)


def _draw(project: Project, seconds: float) -> None:
    # Only now, and only here: rich takes longer to import than a look.
    from pgconductor.cli.dashboard import Dashboard
    from pgconductor.cli.keyboard import Keyboard

    found = looks(project, lambda connection: _look(project, connection))
    first = next(found)  # what is wrong from the start is said on the ordinary screen
    title = f"{project.plan.name}   schema {project.plan.schema_name}"
    with Keyboard() as keyboard, Dashboard(title, project.plan.hashes.structure) as dashboard:
        for look in itertools.chain([first], found):
            dashboard.show(look)
            if _quits(keyboard, seconds):
                return


def _quits(keyboard: Keyboard, seconds: float) -> bool:
    """Wait for the next look, or for the wish to have no more."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if keyboard.read(left) in ("q", "Q", "\x1b", ""):
            return True
    return False
