"""What an execution went through: its attempts, its durable calls, and how it was changed under way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pgconductor.store.executions import ExecutionRow
from pgconductor.store.query import AnyConnection, Query, run_blocking
from pgconductor.store.records import Kind
from pgconductor.store.statements import statement

Ending: TypeAlias = Literal["running", "completed", "failed", "lost", "cancelled"]


@dataclass(frozen=True, slots=True)
class Call:
    """A durable call.

    Attributes:
        attempt: that recorded it.
        state: "waiting" for what is yet to come; of a sleep always.
        wake_at: the end of a sleep or of a timeout.
        over: that moment has passed.
        target: the key of the children's task, or the awaited event.
        match: what fields of the event's payload must be.
        children: how many there are.
        child: the id of the first.
        states: how many children are in each state; those that are missing are gone with their retention.
        failed: the id of a child that failed.
    """

    name: str
    kind: Kind
    state: Literal["waiting", "done", "timed_out"]
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    wake_at: datetime | None
    over: bool | None
    target: str | None
    match: dict[str, Any] | None
    max_parallel: int | None
    children: int
    child: UUID | None
    states: dict[str, int] | None
    failed: UUID | None

    @property
    def ended(self) -> int:
        """How many children have ended."""
        live = ("scheduled", "ready", "running", "waiting")
        return self.children - sum((self.states or {}).get(state, 0) for state in live)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A handler's start and what became of it.

    Attributes:
        started_at: of its last run: one that slept or waited was begun anew. None: it was cancelled while none ran.
        ended_at: None while it runs.
        error: `{type, message, traceback}`.
    """

    number: int
    started_at: datetime | None
    ended_at: datetime | None
    ending: Ending
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Change:
    """A durable call that an earlier run recorded and a later one did not make, or made in another order."""

    at: datetime
    step: str
    change: Literal["disappeared", "moved"]


@dataclass(frozen=True, slots=True)
class Retried:
    """It had failed or been cancelled, and somebody took it back; `forgotten` are the calls that are made anew."""

    at: datetime
    from_step: str | None
    forgotten: list[str]


@dataclass(frozen=True, slots=True)
class Progress:
    done: float
    total: float | None
    note: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Timeline:
    """Each kind of thing in the order in which it happened."""

    attempts: list[Attempt]
    steps: list[Call]
    changes: list[Change]
    retries: list[Retried]
    progress: Progress | None


def read_timeline(connection: AnyConnection, schema: str, row: ExecutionRow) -> Timeline:
    """What the execution of this row went through."""
    queries = [
        Query(statement(verb, schema), {"id": row.id}) for verb in ("trace_steps", "trace_history", "trace_progress")
    ]
    steps, history, progress = run_blocking(connection, queries)
    attempts, changes, retries = [], [], []
    for at, number, kind, started_at, detail in history:
        match kind:
            case "changed":
                changes.append(Change(at, detail["step"], detail["change"]))
            case "retried":
                retries.append(Retried(at, detail["from_step"], detail["forgotten"]))
            case _:
                attempts.append(Attempt(number, started_at, at, _ending(kind, detail), detail))
    return Timeline(
        attempts=[*attempts, *_last(row)],
        steps=[_call(list(step)) for step in steps],
        changes=_distinct(changes),
        retries=retries,
        progress=Progress(*progress[0]) if progress else None,
    )


def _call(columns: list[Any]) -> Call:
    columns[-1] = UUID(columns[-1][0]) if columns[-1] else None
    return Call(*columns)


def _last(row: ExecutionRow) -> list[Attempt]:
    """The attempt that the row itself tells of."""
    if row.state == "running":
        return [Attempt(row.attempts, row.started_at, None, "running", None)]
    if row.state in ("completed", "failed", "cancelled"):
        return [Attempt(row.attempts, row.started_at, row.finished_at, _ending(row.state, row.error), row.error)]
    return []


def _ending(kind: str, error: dict[str, Any] | None) -> Ending:
    lost = kind == "failed" and (error or {}).get("type") == "WorkerLost"
    ending: Ending = "lost" if lost else kind  # type: ignore[assignment]
    return ending


def _distinct(changes: list[Change]) -> list[Change]:
    """Every run after a change finds it again: only the first tells anything."""
    first: dict[tuple[str, str], Change] = {}
    for change in changes:
        first.setdefault((change.step, change.change), change)
    return list(first.values())
