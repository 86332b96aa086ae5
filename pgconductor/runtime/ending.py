"""How a run of a handler ended, seen together with its durable calls."""

from __future__ import annotations

import json
from typing import Any

from pgconductor.api.context import AnyContext
from pgconductor.api.interrupt import Interrupt, Suspended
from pgconductor.api.replay import Replay
from pgconductor.api.task import Task
from pgconductor.errors import ReplayError, ValidationError
from pgconductor.runtime.outcome import Completed, Failed, GivenBack, Outcome, Parked
from pgconductor.store.records import Note

_NOTHING = Completed(None)  # most have no result: 0.4 us less than another one


def returned(ctx: AnyContext, task: Task[Any, Any], result: Any, size_limit: int) -> Outcome:
    """What is to be made of a handler's return: it completed, unless its durable calls say otherwise.

    Raises:
        ValidationError: the result is not one of the task, or too large.
    """
    replay = ctx._replay
    if replay is not None and (failed := _unfinished(replay)) is not None:
        return failed
    text = task.encode_result(result)
    if text is not None and len(text) > size_limit:
        raise ValidationError(
            f"the result of task `{task.name}` has {len(text):,} bytes as JSON, more than the {size_limit:,} of "
            "`size_limit`; store it elsewhere and return its address"
        )
    return _NOTHING if text is None else Completed(text)


def _unfinished(replay: Replay) -> Failed | None:
    replay.closed = True
    if replay.misuse is not None:
        return Failed(replay.misuse)
    if replay.parked:
        return Failed(
            ReplayError(
                f"the handler returned although it was suspended at {replay.suspended_at}; await every durable call, "
                "and do not catch BaseException (asyncio.CancelledError included) around one without raising it again"
            )
        )
    return None


def left(ctx: AnyContext, interrupt: Interrupt, stopped: Outcome | None) -> Outcome:
    """What is to be made of a handler that a durable call ended.

    Args:
        stopped: the outcome that somebody asked for.
    """
    replay = ctx._replay
    if replay is not None:
        replay.closed = True
        if replay.misuse is not None:
            return Failed(replay.misuse)
        if isinstance(interrupt, Suspended) and replay.parked and stopped is None:
            return Parked(tuple(replay.waits), tuple(replay.waited))
    return stopped or GivenBack()


def raised(ctx: AnyContext, error: BaseException) -> Outcome:
    """What is to be made of an exception."""
    replay = ctx._replay
    if replay is not None:
        replay.closed = True
        if replay.misuse is not None:
            return Failed(replay.misuse)
    return Failed(error)


def notes(replay: Replay, id: bytes, lease: int) -> list[Note]:
    """How the handler's code changed since the execution ran before."""
    return [Note(id, lease, "changed", json.dumps(change)) for change in replay.changes()]
