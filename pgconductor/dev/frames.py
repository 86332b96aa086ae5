"""Tracebacks for the person who wrote the code: their frames, and nobody else's."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from pgconductor.runtime.failure import TRACEBACK_LIMIT, Described, clean, kind_of

_LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")
_OURS = (
    str(Path(__file__).parents[1]),
    *{path for name in _LIBRARIES if (path := sysconfig.get_path(name))},
)
_FRAME = re.compile(r'(?P<indent> +)File "(?P<file>[^"]*)", line (?P<line>\d+)')


def user_trace(error: BaseException) -> str:
    """The traceback of an exception and of what led to it, without the frames of Python, of libraries and of ours.

    What has no frame of the user's own is one line: an error of syntax shows its place by itself.
    """
    if isinstance(error, Described):
        return clean("".join(_thin_text(error.trace)).rstrip("\n"), TRACEBACK_LIMIT)
    trace = traceback.TracebackException.from_exception(error, compact=True)
    _thin(trace)
    return clean("".join(trace.format()).rstrip("\n"), TRACEBACK_LIMIT)


def user_place(error: BaseException) -> tuple[str, ...]:
    """The user's frames that an exception came through and its class; nothing if it met no code of theirs.

    Exceptions of one place differ in their messages at most.
    """
    if isinstance(error, Described):
        found = (frame for line in error.trace.splitlines() if (frame := _FRAME.match(line)))
        frames = [(frame["file"], int(frame["line"])) for frame in found]
    else:
        frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [f"{file}:{line}" for file, line in frames if is_user_file(file)]
    return (*own, kind_of(error)) if own else ()


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


def _thin_text(trace: str) -> Iterator[str]:
    """The same of a traceback that another process wrote: a frame is its line and what is indented below it."""
    dropped: str | None = None
    for line in trace.splitlines(keepends=True):
        if frame := _FRAME.match(line):
            dropped = None if is_user_file(frame["file"]) else frame["indent"]
        elif dropped is not None and not line.startswith(f"{dropped}  "):
            dropped = None
        if dropped is None:
            yield line
