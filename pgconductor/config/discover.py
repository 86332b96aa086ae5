"""Which `conductor.toml` is meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pgconductor.config import codes
from pgconductor.config.diagnostic import Diagnostic, InvalidConfig, Place

FILE_NAME = "conductor.toml"
VARIABLE = "PGCONDUCTOR_CONFIG"

_REPOSITORY_MARKS = (".git", ".hg", ".jj", ".svn")


def discover(start: Path, *, option: Path | str | None, environ: Mapping[str, str]) -> Path:
    """The root file: of `--config`, else of `PGCONDUCTOR_CONFIG`, else the nearest upward from a directory.

    The search ends at the root of a repository. Whether a file that was named exists is for `load` to say.

    Args:
        start: where to begin, and what a relative path is relative to.
        option: the value of `--config`.
        environ: the environment variables.

    Raises:
        InvalidConfig: there is no `conductor.toml` here or above.
    """
    named = option or environ.get(VARIABLE)
    if named:
        return start / named
    for directory in (start, *start.absolute().parents):
        candidate = directory / FILE_NAME
        if candidate.is_file():
            return candidate
        if any((directory / mark).exists() for mark in _REPOSITORY_MARKS):
            break
    message = f"there is no {FILE_NAME} here or in a directory above"
    help = f"run `pgconductor init`, or name a file with --config or {VARIABLE}"
    raise InvalidConfig([Diagnostic(codes.UNREADABLE.code, message, Place(FILE_NAME), help)])
