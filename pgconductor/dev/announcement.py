"""The line that says that a save is served."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from pgconductor.dev.project import Built

# Names of files beyond this many are counted.
NAMED = 3
# A file may have been given any time; what is plainly not of this save says nothing.
RECENT = 5.0


def announcement(generation: int, built: Built, files: Collection[Path], began: float) -> str:
    """`generation 2 serves default: work.py changed, 0.41 s after the save`.

    Args:
        files: what was saved; none, if it was something else that asked for the generation.
        began: when it began to start, in seconds of `time.time()`.
    """
    queues = ", ".join(built.served) or "no queue: no task has a handler"
    text = f"generation {generation} serves {queues}"
    return f"{text}: {_changed(files)}{_since(files, began)}" if files else text


def _changed(files: Collection[Path]) -> str:
    names = sorted({path.name for path in files})
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more} changed"


def _since(files: Collection[Path], began: float) -> str:
    saved = max((path.stat().st_mtime for path in files if path.is_file()), default=0.0)
    return f", {time.time() - saved:.2f} s after the save" if began - saved < RECENT else ""
