"""How an error of ours reads on a terminal."""

from __future__ import annotations

import sys

from pgconductor.cli.output import wants_color
from pgconductor.errors import ConductorError


def text_of(error: ConductorError, *, color: bool | None = None) -> str:
    """The error's text; a configuration's problems with their lines and carets.

    Args:
        color: None: if stderr wants it.
    """
    diagnostics = getattr(error, "diagnostics", None)
    if not diagnostics:
        text = str(error)
        return text if text.startswith("error[") else f"error: {text}"
    from pgconductor.config.diagnostic import render

    color = wants_color(sys.stderr) if color is None else color
    return render(diagnostics, "text", color=color).rstrip("\n")
