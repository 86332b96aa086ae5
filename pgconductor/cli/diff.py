"""`pgconductor diff`."""

from __future__ import annotations

import click

from pgconductor.cli.apply import show
from pgconductor.cli.output import say
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_plan
from pgconductor.store.apply import diff


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of changes and what is kept.")
@click.option("--check", is_flag=True, help="Exit with 4 if there is anything to do.")
@select_plan
def command(as_json: bool, check: bool) -> int:
    """Show what apply would do to the database. Nothing is written.

    The changes go to stdout, one a line, in the order in which apply would make them. Lines with `!` count the queued
    executions of tasks whose payload or result changes; `pgconductor check --against` says whether they can be read.
    """
    project = open_project()
    with project.endpoint() as endpoint:
        difference = diff(endpoint.listen_url or endpoint.url, project.plan)
        show(difference, as_json=as_json)
        if not difference.changes:
            say(f"{project.called(endpoint)} is in line with the plan")
    return 4 if check and difference.changes else 0
