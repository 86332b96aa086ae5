"""`pgconductor explain CODE`."""

from __future__ import annotations

import difflib
from dataclasses import asdict

import click

from pgconductor.cli.codes import CODES
from pgconductor.cli.output import put, put_json


@click.command()
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(code: str | None, as_json: bool) -> None:
    """Explain a code such as CFG201. Without one, list them all."""
    if code is None:
        _list(as_json)
        return
    found = CODES.get(code.upper())
    if found is None:
        near = difflib.get_close_matches(code.upper(), CODES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "`pgconductor explain` lists them"
        raise click.UsageError(f"there is no code `{code}`; {hint}")
    if as_json:
        put_json(asdict(found))
    else:
        put(f"{found.code}: {found.title}\n\n{found.explanation}")


def _list(as_json: bool) -> None:
    known = sorted(CODES.values(), key=str)
    if as_json:
        put_json([asdict(each) for each in known])
        return
    for each in known:
        put(f"{each.code}  {each.title}")
