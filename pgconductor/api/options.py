"""Options of an enqueue, the same on every way in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Required, TypedDict
from uuid import UUID

from pgconductor.duration import Duration


class _Options(TypedDict, total=False):
    priority: int
    delay: Duration
    run_at: datetime
    dedupe_key: str
    debounce: Duration
    id: UUID | str
    tags: Sequence[str]


class InvokeOptions(_Options, total=False):
    """Keywords of every generated client method.

    Attributes:
        priority: -100 to 100, higher runs first; the task's own if left out.
        delay: run no earlier than so long from now: "5m", a timedelta, or seconds.
        run_at: run no earlier than this moment; aware. Not together with `delay`.
        dedupe_key: at most one live execution of the task has this key.
        debounce: the last call in a slot of this length wins and runs at its end.
        id: the execution's id, a UUIDv7; enqueueing the same id twice is one execution.
        tags: words to find the execution by.
    """

    throttle: None


class ThrottledOptions(_Options):
    """The same with `throttle`; a type apart, because only such a call may return no execution.

    Attributes:
        throttle: the first call in a slot of this length wins, the others return none. Not together with `debounce`.
    """

    throttle: Required[Duration]


class ChildOptions(TypedDict, total=False):
    """Keywords of `ctx.invoke` and `ctx.map`: no keys and no slots, since a child is its parent's alone.

    Attributes:
        priority: -100 to 100, higher runs first; the task's own if left out.
        delay: run no earlier than so long from now: "5m", a timedelta, or seconds.
        run_at: run no earlier than this moment; aware. Not together with `delay`.
        tags: words to find the execution by.
    """

    priority: int
    delay: Duration
    run_at: datetime
    tags: Sequence[str]
