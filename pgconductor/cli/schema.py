"""`pgconductor schema`."""

from __future__ import annotations

import click

from pgconductor.build.editorschema import DIRECTIVE, INCLUDED, is_asked_for, schemas, write_schemas
from pgconductor.cli.configuration import config_path, shown
from pgconductor.cli.output import put, say
from pgconductor.cli.selection import select_project
from pgconductor.errors import ConductorError


@click.command()
@click.option("--stdout", is_flag=True, help="Print the schema instead of writing it.")
@select_project
def command(stdout: bool) -> None:
    """Write a JSON Schema of conductor.toml for your editor.

    With completion and help on every key, and your own queues, types and events as choices. Taplo, Even Better TOML and
    Tombi read it when the file begins with `#:schema ./.pgconductor/conductor.schema.json`, and then `generate` keeps
    it up to date. conductor.toml need not be valid.
    """
    config = config_path()
    if stdout:
        click.echo(next(schemas(config))[1], nl=False)
        return
    try:
        written = write_schemas(config)
    except OSError as error:
        raise ConductorError(f"{error.filename} cannot be written: {error.strerror}") from None
    for path in written:
        put(shown(path))
    if not is_asked_for(config):
        say(f"for editors to find it, let {shown(config)} begin with:\n  {DIRECTIVE}")
    if any(path.match(INCLUDED) for path in written):
        say(f"files that it includes begin with `#:schema` and the way to {INCLUDED}")
    if not written:
        say("the schema is up to date")
