"""`pgconductor generate`."""

from __future__ import annotations

from pathlib import Path

import click

from pgconductor.build import Outcome, compare, generate
from pgconductor.build.scaffold.missing import Scaffold, scaffold
from pgconductor.build.write import diff as as_diff
from pgconductor.build.write import replace
from pgconductor.cli.configuration import config_path, problems_as, read_config, with_format
from pgconductor.cli.output import put, say
from pgconductor.cli.selection import select_project
from pgconductor.config.diagnostic import Format
from pgconductor.errors import ConductorError, OutOfDateError


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; print a diff and exit with 4 if anything is out of date.")
@click.option("--diff", is_flag=True, help="Write nothing; print a diff of what would be written.")
@click.option(
    "--scaffold", "scaffolds", is_flag=True, help="Write a skeleton of every handler that does not exist yet."
)
@with_format
@select_project
def command(check: bool, diff: bool, scaffolds: bool, format: Format) -> None:
    """Compile conductor.toml into typed Python, SQL and plan.json.

    Reads nothing but the configuration: no environment, no database. Only files that differ are written, each in one
    step; files that are no longer generated are deleted; a file that was edited by hand is refused. Skeletons of
    handlers are added to your modules and are yours from then on; nothing that is there is ever changed.
    """
    if check and scaffolds:
        raise click.UsageError("--check looks at generated files only, and skeletons are yours: leave out --scaffold")
    config = config_path()
    with problems_as(format):
        missing = scaffold(read_config()) if scaffolds else None
        outcome = compare(config) if check or diff else generate(config)
    if check or diff:
        click.echo(outcome.diff + (as_diff(missing.changes) if missing else ""), nl=False)
        if check and outcome.changes:
            raise OutOfDateError(f"{_count(outcome)} out of date; run `pgconductor generate`")
    else:
        for change in outcome.changes:
            put(change.summary)
        if missing:
            _write(missing, outcome.root)
    if not outcome.changes:
        say(f"{len(outcome.files)} generated files are up to date")
    if missing:
        _say_what_is_left(missing)


def _write(missing: Scaffold, root: Path) -> None:
    for change in missing.changes:
        try:
            replace(root / change.path, change.after or "")
        except OSError as error:
            raise ConductorError(f"{change.path} cannot be written: {error.strerror or error}") from None
        functions = ", ".join(missing.functions.get(change.path, ()))
        put(f"{change.summary}: {functions}" if functions else change.summary)


def _say_what_is_left(missing: Scaffold) -> None:
    if missing.elsewhere:
        say(f"not in this project, and left alone: {', '.join(missing.elsewhere)}")
    elif not missing.changes:
        say("every handler exists")


def _count(outcome: Outcome) -> str:
    number = len(outcome.changes)
    return "1 generated file is" if number == 1 else f"{number} generated files are"
