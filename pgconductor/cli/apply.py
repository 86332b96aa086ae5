"""`pgconductor apply`."""

from __future__ import annotations

from typing import Any

import click

from pgconductor.cli.output import put, put_json, say
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_plan
from pgconductor.store.apply import Difference, apply


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of changes and what is kept.")
@select_plan
def command(as_json: bool) -> None:
    """Bring the database in line with the plan.

    Creates what is missing, and takes away what the plan no longer has where no execution is lost by it. What would
    lose executions is refused (exit 5) unless [[removed]] in conductor.toml says what becomes of them. Any number of
    processes may do this at once.
    """
    project = open_project()
    with project.endpoint() as endpoint:
        difference = apply(endpoint.listen_url or endpoint.url, project.plan)
        show(difference, as_json=as_json)
        count = len(difference.changes)
        done = "nothing to do" if count == 0 else "1 change" if count == 1 else f"{count} changes"
        say(f"{project.called(endpoint)}: {done}")


def show(difference: Difference, *, as_json: bool) -> None:
    """Print a difference as data."""
    if as_json:
        put_json(_as_json(difference))
        return
    for change in difference.changes:
        put(f"{'-' if change.removes else '+'} {change.summary}")
    for kept in difference.kept:
        put(f"  {kept.summary}")
    for queued in difference.queued:
        put(f"! {queued.summary}")


def _as_json(difference: Difference) -> dict[str, Any]:
    return {
        "changes": [{"summary": change.summary, "removes": change.removes} for change in difference.changes],
        "kept": [kept.summary for kept in difference.kept],
        "queued": [
            {"task": queued.task, "version": queued.version, "upgraded": queued.upgraded, "states": queued.counts}
            for queued in difference.queued
        ],
    }
