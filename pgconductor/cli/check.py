"""`pgconductor check`."""

from __future__ import annotations

import click

from pgconductor.cli.configuration import problems_as, read_config, shown, with_format
from pgconductor.cli.output import say
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_project
from pgconductor.config.diagnostic import Format
from pgconductor.config.model import Config
from pgconductor.runtime.handlers import bind


@click.command()
@click.option("--imports", is_flag=True, help="Import every handler too, as `run` would.")
@with_format
@select_project
def command(imports: bool, format: Format) -> None:
    """Say everything that is wrong with conductor.toml.

    Every problem at once, in the order of the file, with what to do about it. Nothing is written, and no database is
    needed. With --imports the handlers are those of the last `generate`.
    """
    with problems_as(format):
        config = read_config()
    if imports:
        project = open_project()
        project.importable()
        bind(project.plan, project.plan.queues)
    say(f"{shown(config.path)} is fine: {_contents(config)}")


def _contents(config: Config) -> str:
    counts = {"task": len(config.tasks), "queue": len(config.queues), "event": len(config.events)}
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items() if count)
