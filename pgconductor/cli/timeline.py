"""What an execution went through, for people: a line for each thing that happened, in the order of their beginnings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from pgconductor.cli.figures import counted, local, took
from pgconductor.cli.table import aligned
from pgconductor.store.executions import ExecutionRow
from pgconductor.store.timeline import Attempt, Call, Change, Progress, Retried, Timeline

# Where code lies that the reader did not write: installed packages, Python itself, and what calls handlers.
_LIBRARY = re.compile(r"/(site|dist)-packages/|/lib/python3[^/]*/|/pgconductor/(api|client|runtime|store)/|^<frozen ")
_FRAME = re.compile(r'  File "(?P<file>[^"]*)", line ')


class Line(NamedTuple):
    """One thing that happened: when, to what, and what it was."""

    at: datetime
    name: str
    told: str


def timeline(row: ExecutionRow, trace: Timeline) -> str:
    """The lines of an execution."""
    lines = [Line(row.created_at, "enqueued", "")]
    lines += [_step(call) for call in trace.steps]
    lines += [_attempt(attempt) for attempt in trace.attempts]
    lines += [_change(change) for change in trace.changes]
    lines += [_retried(retried) for retried in trace.retries]
    lines.sort(key=lambda line: line.at)
    return aligned([(local(line.at), printable(line.name), printable(line.told)) for line in lines])


def progress(made: Progress) -> str:
    """How far it says that it is."""
    share = f"{made.done:,.10g}" + ("" if made.total is None else f" of {made.total:,.10g}")
    return printable(share + (f", {made.note}" if made.note else "") + f" ({local(made.at)})")


def _step(call: Call) -> Line:
    return Line(call.started_at, call.name, f"{call.kind}  {_told(call)}")


def _told(call: Call) -> str:
    spent = "" if call.finished_at is None else took((call.finished_at - call.started_at).total_seconds())
    match call.kind:
        case "sleep":
            return f"{'until' if call.over else 'asleep until'} {_moment(call.wake_at)}"
        case "event":
            return f"{_event(call)}: {_waited(call, spent)}"
        case "invoke" | "map":
            return f"{_children(call)}: {_waited(call, spent)}"
        case _:
            return spent


def _waited(call: Call, spent: str) -> str:
    limit = "" if call.wake_at is None else f", at most until {_moment(call.wake_at)}"
    if call.state == "waiting":
        return f"waiting{limit}"
    return f"timed out after {spent}" if call.state == "timed_out" else f"after {spent}"


def _event(call: Call) -> str:
    fields = ", ".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in (call.match or {}).items()
    )
    return f"{call.target}" + (f" where {fields}" if fields else "")


def _children(call: Call) -> str:
    states = call.states or {}
    if call.kind == "invoke":
        return f"{call.target} {call.child} {next(iter(states), 'gone')}"
    gone = call.children - sum(states.values())
    shown = {**states, "gone": gone} if gone else states
    each = ", ".join(f"{count:,} {state}" for state, count in shown.items())
    failed = f", such as {call.failed}" if call.failed else ""
    return f"{call.target}, {call.ended:,} of {call.children:,} ended ({each}{failed})"


def _attempt(attempt: Attempt) -> Line:
    name = f"attempt {attempt.number}"
    if attempt.started_at is None:
        name, spent = attempt.ending, ""
    elif attempt.ended_at is None:
        return Line(attempt.started_at, name, "running")
    else:
        spent = f"{attempt.ending} after {took((attempt.ended_at - attempt.started_at).total_seconds())}"
    error = attempt.error or {}
    why = f"{error.get('type')}: {_first_line(error.get('message'))}" if error else ""
    assert attempt.ended_at is not None
    return Line(attempt.ended_at, name, ": ".join(filter(None, (spent, why))))


def _change(change: Change) -> Line:
    what = "is not called any more" if change.change == "disappeared" else "is called in another order"
    return Line(change.at, "code changed", f"`{change.step}` {what}")


def _retried(retried: Retried) -> Line:
    forgotten = ", ".join(f"`{name}`" for name in retried.forgotten)
    origin = "" if retried.from_step is None else f"from `{retried.from_step}` on"
    return Line(retried.at, "retried", ", ".join(filter(None, (origin, forgotten and f"anew: {forgotten}"))))


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else local(moment)


def _first_line(text: Any) -> str:
    return str(text).partition("\n")[0]


def own_frames(traceback: str) -> str:
    """A traceback without the frames of libraries; whole, if there are no others."""
    blocks = list(_frames(traceback))
    if not any(_is_own(block) for block in blocks):
        return traceback
    kept: list[str] = []
    left_out = 0
    for block in [*blocks, ""]:
        if _FRAME.match(block) and not _is_own(block):
            left_out += 1
            continue
        if left_out:
            kept.append(f"  ... {counted(left_out, 'frame')} of libraries\n")
            left_out = 0
        kept.append(block)
    return "".join(kept)


def _frames(traceback: str) -> Iterator[str]:
    """A traceback in pieces: a frame with its lines of code, or a line between frames."""
    block = ""
    for line in traceback.splitlines(keepends=True):
        if block and line.startswith("    ") and _FRAME.match(block):
            block += line
            continue
        if block:
            yield block
        block = line
    if block:
        yield block


def _is_own(block: str) -> bool:
    frame = _FRAME.match(block)
    return frame is not None and not _LIBRARY.search(frame["file"].replace("\\", "/"))


def printable(text: str) -> str:
    """What a handler's exception said must not drive the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
