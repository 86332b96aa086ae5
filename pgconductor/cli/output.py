"""Where output goes: data to stdout, everything for people to stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

import click

with_json = click.option("--json", "as_json", is_flag=True, help="For programs: everything there is, times in UTC.")


def say(text: str) -> None:
    """Tell the person something."""
    click.echo(text, err=True)


def complain(text: str) -> None:
    """Tell the person what went wrong, or may."""
    label, colon, rest = text.partition(": ")
    if wants_color(sys.stderr) and colon and label in ("error", "warning"):
        text = click.style(label, fg="red" if label == "error" else "yellow", bold=True) + colon + rest
    click.echo(text, err=True, color=wants_color(sys.stderr))


def put(text: str) -> None:
    """Write data."""
    click.echo(text)


def put_json(value: Any, *, indent: int | None = 2) -> None:
    """Write data for a program."""
    # Where stdout cannot say every letter, as in a pipe on Windows, JSON can do without.
    click.echo(json.dumps(value, indent=indent, ensure_ascii=not is_unicode(sys.stdout)))


def is_unicode(stream: TextIO) -> bool:
    """Can every letter be written to `stream`?"""
    return (stream.encoding or "utf-8").lower().startswith("utf")  # text in memory has none and takes all


def is_terminal(stream: TextIO) -> bool:
    """Is a person looking at `stream`, on a terminal that can move its cursor?"""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def wants_color(stream: TextIO) -> bool:
    """Colours are for terminals, unless NO_COLOR is set (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")
