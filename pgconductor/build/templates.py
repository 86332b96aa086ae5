"""Where the templates are, how they are read, and how they are kept compiled."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

_PACKAGE = Path(__file__).resolve().parent.parent

# Nothing is escaped because nothing is HTML.
_SYNTAX: dict[str, Any] = {
    "autoescape": False,
    "keep_trailing_newline": True,
    "trim_blocks": True,
    "lstrip_blocks": True,
}


def template_folder() -> Path:
    """`pgconductor/_templates` of a wheel, else `templates/` of the repository (an editable install)."""
    shipped = _PACKAGE / "_templates"
    return shipped if shipped.is_dir() else _PACKAGE.parent / "templates"


@cache
def environment() -> Environment:
    """The one Jinja environment: an undefined name is an error."""
    folder = template_folder()
    return Environment(
        loader=FileSystemLoader(folder, encoding="utf-8"),
        bytecode_cache=_Compiled(folder),
        undefined=StrictUndefined,
        **_SYNTAX,
    )


class _Compiled(FileSystemBytecodeCache):
    """Compiled templates, kept as Python keeps what it compiles: a fourth of the time of `generate` went into them.

    They lie in `__pycache__` beside their sources, or where PYTHONPYCACHEPREFIX says; PYTHONDONTWRITEBYTECODE keeps
    none; and one that cannot be written or read is made again. Jinja sees to it that one of another source is not used.
    """

    def __init__(self, folder: Path) -> None:
        directory = Path(importlib.util.cache_from_source(str(folder / "any.py"))).parent
        compiler = f"{importlib.metadata.version('jinja2')} {_SYNTAX}"
        super().__init__(str(directory), f"%s.{hashlib.sha256(compiler.encode()).hexdigest()[:8]}.pyc")

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(Exception):  # whatever is wrong with the file
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            super().dump_bytecode(bucket)
