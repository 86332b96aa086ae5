"""Tracebacks for the person who wrote the code: their frames, and nobody else's."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

_LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")
_OURS = (
    str(Path(__file__).parents[1]),
    *{path for name in _LIBRARIES if (path := sysconfig.get_path(name))},
)


def user_trace(error: BaseException) -> str:
    """The traceback of an exception and of what led to it, without the frames of Python, of libraries and of ours.

    What has no frame of the user's own is one line: an error of syntax shows its place by itself.
    """
    trace = traceback.TracebackException.from_exception(error, compact=True)
    _thin(trace)
    return "".join(trace.format()).rstrip("\n")


def distinct(traces: Iterable[str]) -> Iterator[str]:
    """One module that does not import is the reason of every handler in it."""
    return iter(dict.fromkeys(traces))


def is_user_file(name: str) -> bool:
    """Whether a file is neither part of Python, nor of a library, nor of this package."""
    if name.startswith("<"):
        return False
    return not any(name.startswith(f"{folder}/") for folder in _OURS) and "/site-packages/" not in name


def _thin(trace: traceback.TracebackException | None) -> None:
    if trace is None:
        return
    kept = [frame for frame in trace.stack if is_user_file(frame.filename)]
    trace.stack = traceback.StackSummary.from_list(kept)
    _thin(trace.__cause__)
    _thin(trace.__context__)
    for member in trace.exceptions or ():
        _thin(member)
