"""What durable calls leave in the database and find there, as values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from pgconductor.store.enqueue import Item

Kind: TypeAlias = Literal["step", "transaction", "emit", "sleep", "invoke", "map", "event"]


class Child(NamedTuple):
    """How a child ended.

    Attributes:
        state: None: its record is gone.
        result: JSON text.
        error: `{type, message}` of a failed or cancelled one.
    """

    id: bytes
    state: str | None
    result: str | None
    error: dict[str, Any] | None


class Recorded(NamedTuple):
    """A durable call as an earlier run of the execution left it.

    Attributes:
        position: among the durable calls of the run that recorded it.
        target: the key of the children's task, or the awaited event.
        result: JSON text of a step's value, or of an event's payload.
        wake_at: the end of a sleep or of a timeout.
        over: that moment has passed.
        children: of an invocation that is done, in the order they were given.
    """

    name: str
    kind: Kind
    state: Literal["waiting", "done", "timed_out"]
    position: int
    target: str | None
    result: str | None
    wake_at: datetime | None
    over: bool
    children: tuple[Child, ...] = ()


class StepResult(NamedTuple):
    """A step that is done, to be memoised.

    Attributes:
        id, lease: of the execution, and what it is held under.
        result: JSON text.
        took: microseconds.
    """

    id: bytes
    lease: int
    name: str
    position: int
    result: bytes
    took: int


class Wait(NamedTuple):
    """What an execution parks for, and has not parked for before.

    Attributes:
        delay_ms, until: when a sleep or a timeout ends; None for neither.
        target: the key of the children's task, or the event.
        match: the values that fields of the event's payload must have.
        children: to be enqueued with the wait.
        max_parallel: how many of them may be on their way at once; None: all.
    """

    name: str
    kind: Kind
    position: int
    delay_ms: int | None = None
    until: datetime | None = None
    target: str | None = None
    match: dict[str, Any] | None = None
    children: Sequence[Item] = ()
    max_parallel: int | None = None


class Note(NamedTuple):
    """An entry for the history of an execution; `detail` is JSON text."""

    id: bytes
    lease: int
    kind: Literal["changed"]
    detail: str


class Progress(NamedTuple):
    """How far an execution says that it is."""

    id: bytes
    lease: int
    done: float
    total: float | None
    note: str | None
