"""Importing what was saved, not what was compiled before.

Python takes compiled code for current if its source has the same size and the same second of change. Who saves twice in
a second, as `dev` invites to, would run the first version.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from typing import Any


class SourceLoader(SourceFileLoader):
    """Compiles the source, whatever lies in `__pycache__`, and leaves nothing there."""

    def path_stats(self, path: Any) -> Any:
        # importlib's documented way to say that compiled code is not to be had: then it neither reads nor writes any.
        raise OSError(f"{path} is compiled anew")


def import_fresh(folders: Collection[Path]) -> None:
    """Read modules below these folders from their sources from now on, those of environments in them apart."""
    roots = tuple(f"{folder.resolve()}/" for folder in folders)
    sys.path_hooks.insert(0, _hook(roots))
    sys.path_importer_cache.clear()
    # Processes of an executor import the handlers on their own.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


def _hook(roots: tuple[str, ...]) -> Callable[[str], Any]:
    find = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (SourceLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )

    def hook(path: str) -> Any:
        place = f"{os.path.realpath(path or os.curdir)}/"
        if not place.startswith(roots) or "/site-packages/" in place:
            raise ImportError("not of the project", path=path)
        return find(path)

    return hook
