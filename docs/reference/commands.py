"""cli.md: every command with its options, as its `--help` has them."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

import click

from pgconductor.cli.main import group
from pgconductor.cli.verbs import VERBS

INTRODUCTION = """\
# Commands

Written from the commands themselves by `python -m docs.reference`; `pgconductor COMMAND --help` says the same.

Data goes to stdout, everything for people to stderr. Listings have `--json`. Passwords are never printed. Colours and
live lines are for terminals only, and NO_COLOR turns colours off.

{codes}

These options may stand before the command or after it:

{options}
"""
SHARED = ("config", "env")


def page() -> str:
    context = click.Context(group, info_name="pgconductor")
    codes = (group.epilog or "").replace("Exit codes: ", "| exit code | |\n|---|---|\n| ")
    table = codes.rstrip(".").replace(", ", " |\n| ")
    rows = [f"| `{row[2:].split(' ', 1)[0]}` | {row[2:].split(' ', 1)[1]}" for row in table.splitlines()[2:]]
    head = "\n".join([*table.splitlines()[:2], *rows]) + " |"
    shared = _options([param for param in group.params if param.name in SHARED], context)
    parts = [INTRODUCTION.format(codes=head, options=shared)]
    for name in VERBS:
        command = group.get_command(context, name)
        assert command is not None
        parts.extend(_command(command, click.Context(command, context, info_name=name), 2))
    return "\n".join(parts)


def _command(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    path = context.command_path
    yield f"{'#' * level} {path}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{path} {usage}".rstrip() + "\n```\n"
    yield cleandoc((command.help or "").replace("\b\n", "")) + "\n"
    options = _options([param for param in command.params if param.name not in SHARED], context)
    if options:
        yield f"{options}\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, context, info_name=name), level + 1)


def _options(params: list[click.Parameter], context: click.Context) -> str:
    records = [param.get_help_record(context) for param in params]
    rows = [f"| `{_cell(names)}` | {_cell(help)} |" for names, help in filter(None, records)]
    return "\n".join(["| option | |", "|---|---|", *rows]) if rows else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
