"""`pgconductor explain CODE`."""

from __future__ import annotations

import difflib

import click

from pgconductor.cli.codes import CODES
from pgconductor.cli.output import put


@click.command()
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain a code such as CFG201. Without one, list them all."""
    if code is None:
        for known in sorted(CODES.values(), key=str):
            put(f"{known.code}  {known.title}")
        return
    found = CODES.get(code.upper())
    if found is None:
        near = difflib.get_close_matches(code.upper(), CODES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "`pgconductor explain` lists them"
        raise click.UsageError(f"there is no code `{code}`; {hint}")
    put(f"{found.code}: {found.title}\n\n{found.explanation}")
