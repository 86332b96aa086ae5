"""`pgconductor generate`."""

from __future__ import annotations

import click

from pgconductor.build import Outcome, compare, generate
from pgconductor.cli.configuration import config_path, problems_as, with_format
from pgconductor.cli.output import put, say
from pgconductor.cli.selection import select_project
from pgconductor.config.diagnostic import Format
from pgconductor.errors import OutOfDateError


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; print a diff and exit with 4 if anything is out of date.")
@click.option("--diff", is_flag=True, help="Write nothing; print a diff of what would be written.")
@with_format
@select_project
def command(check: bool, diff: bool, format: Format) -> None:
    """Compile conductor.toml into typed Python, SQL and plan.json.

    Reads nothing but the configuration: no environment, no database. Only files that differ are written, each in one
    step; files that are no longer generated are deleted; a file that was edited by hand is refused.
    """
    config = config_path()
    with problems_as(format):
        outcome = compare(config) if check or diff else generate(config)
    if check or diff:
        click.echo(outcome.diff, nl=False)
        if check and outcome.changes:
            raise OutOfDateError(f"{_count(outcome)} out of date; run `pgconductor generate`")
    else:
        for change in outcome.changes:
            put(change.summary)
    if not outcome.changes:
        say(f"{outcome.files} generated files are up to date")


def _count(outcome: Outcome) -> str:
    number = len(outcome.changes)
    return "1 generated file is" if number == 1 else f"{number} generated files are"
