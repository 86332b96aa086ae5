"""Reading conductor.toml for a command, its problems shown as the person or the program wants them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from pgconductor.cli.output import wants_color
from pgconductor.cli.selection import selection
from pgconductor.config.diagnostic import Diagnostic, Format, InvalidConfig, render
from pgconductor.config.discover import discover
from pgconductor.config.load import load
from pgconductor.config.model import Config

with_format = click.option(
    "--format",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How problems are shown: to people on stderr, to programs or to GitHub Actions on stdout.",
)


def read_config() -> Config:
    """The configuration of the running command.

    Raises:
        InvalidConfig: with every problem in it.
    """
    return load(config_path())


def config_path() -> Path:
    """Where the conductor.toml of the running command is.

    Raises:
        InvalidConfig: there is none here or above.
    """
    return discover(Path.cwd(), option=selection().config, environ=os.environ)


@contextmanager
def problems_as(format: Format) -> Iterator[None]:
    """Show the problems of a configuration in a format that is not for people; exit with 3 if there are any."""
    try:
        yield
    except InvalidConfig as error:
        if format == "text":
            raise
        show_problems(error.diagnostics, format)
        raise click.exceptions.Exit(error.exit_code) from None


def show_problems(diagnostics: Sequence[Diagnostic], format: Format) -> None:
    """Print problems: to people on stderr, to programs on stdout, to whom none is an answer too."""
    if format != "text":
        click.echo(render(diagnostics, format), nl=False)
    elif diagnostics:
        click.echo(render(diagnostics, format, color=wants_color(sys.stderr)), nl=False, err=True)


def shown(path: Path) -> str:
    """A path as people like to read it: from where they are."""
    return os.path.relpath(path)
