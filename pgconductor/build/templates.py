"""Where the templates are, and how they are read."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_PACKAGE = Path(__file__).resolve().parent.parent


def template_folder() -> Path:
    """`pgconductor/_templates` of a wheel, else `templates/` of the repository (an editable install)."""
    shipped = _PACKAGE / "_templates"
    return shipped if shipped.is_dir() else _PACKAGE.parent / "templates"


@cache
def environment() -> Environment:
    """The one Jinja environment: an undefined name is an error, and nothing is escaped because nothing is HTML."""
    return Environment(
        loader=FileSystemLoader(template_folder(), encoding="utf-8"),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
