"""`pgconductor check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from pgconductor.cli import codes
from pgconductor.cli.configuration import problems_as, read_config, show_problems, shown, with_format
from pgconductor.cli.output import say
from pgconductor.cli.selection import select_plan, selection
from pgconductor.config.diagnostic import Diagnostic, Format
from pgconductor.config.fix import fix_spelling
from pgconductor.config.model import Config
from pgconductor.errors import ConductorError, ConfigError, DatabaseError, DestructiveChange, OutOfDateError

# What a problem makes the exit code; the first of these that is there decides.
_EXIT_CODES = {
    codes.DATABASE_LOSES.code: DestructiveChange.exit_code,
    codes.DATABASE_REFUSES.code: DatabaseError.exit_code,
    codes.DATABASE_BEHIND.code: OutOfDateError.exit_code,
}


@click.command()
@click.option("--imports", is_flag=True, help="Import every handler too, as `run` would.")
@click.option("--database", is_flag=True, help="Compare the database with the plan too, as `diff` would.")
@click.option(
    "--against",
    metavar="PLAN",
    help="Name what queued rows could not survive: git:REV, or the path of another plan.json.",
)
@click.option("--fix", is_flag=True, help="Mend spelling mistakes that are beyond doubt, in place.")
@with_format
@select_plan
def command(imports: bool, database: bool, against: str | None, fix: bool, format: Format) -> int:
    """Say everything that is wrong with conductor.toml.

    Every problem at once, in the order of the file, with what to do about it. Without --imports and --database nothing
    but files is read; those two look at the plan of the last `generate`. Exit codes: 3 for the configuration, handlers
    and queued rows, 4 for a database that is behind, 5 and 6 as of apply.
    """
    if fix:
        _fix()
    with problems_as(format):
        config = read_config()
    _check_environment(config)
    problems: list[Diagnostic] = []
    # Each when it is asked for: together they take as long to import as a configuration to check.
    if against is not None:
        from pgconductor.cli.against import incompatible

        changes, unknown = incompatible(config, against)
        problems += changes
        if unknown:
            say(f"not compared, because a plan holds only the name of a class of your own: {', '.join(unknown)}")
    if imports or database:
        problems += _of_project(config, imports=imports, database=database)
    show_problems(problems, format)
    if problems:
        return _exit_code(problems)
    say(f"{shown(config.path)} is fine: {_contents(config)}")
    return 0


def _fix() -> None:
    try:
        for fixed in fix_spelling(read_config, Path.cwd()):
            say(f"fixed {fixed}")
    except OSError as error:
        raise ConductorError(f"{error.filename} cannot be written: {error.strerror}") from None


def _check_environment(config: Config) -> None:
    env = selection().env
    if env is not None and env not in config.environments:
        known = ", ".join(f"`{name}`" for name in sorted(config.environments)) or "none"
        raise ConfigError(f"no environment `{env}` in {shown(config.path)}; declared: {known}")


def _of_project(config: Config, *, imports: bool, database: bool) -> Iterator[Diagnostic]:
    from pgconductor.cli.project import open_project

    project = open_project()
    if imports:
        from pgconductor.cli.unbound import unbound

        yield from unbound(project, config)
    if database:
        from pgconductor.cli.unapplied import unapplied

        yield from unapplied(project)


def _exit_code(problems: list[Diagnostic]) -> int:
    found = {problem.code for problem in problems}
    if found - _EXIT_CODES.keys():
        return ConfigError.exit_code
    return next(exit_code for code, exit_code in _EXIT_CODES.items() if code in found)


def _contents(config: Config) -> str:
    counts = {"task": len(config.tasks), "queue": len(config.queues), "event": len(config.events)}
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items() if count)
