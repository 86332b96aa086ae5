"""What an execution may go through, as a pure model: a dictionary of rows, and one method for each arrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

Kind = Literal["complete", "fail", "discard", "retry later", "retry now", "release"]
ENDS: dict[Kind, str | None] = {"complete": "completed", "fail": "failed", "discard": None}


@dataclass(frozen=True)
class Row:
    """An execution.

    Attributes:
        due: seconds of the clock that the test moves, and which event of the test put it there.
        holder: worker and lease, while it runs.
        stopping: someone asked for its end while it ran.
    """

    task: str
    priority: int
    due: tuple[int, int]
    state: str | None
    attempts: int = 0
    holder: tuple[int, int] | None = None
    stopping: bool = False

    def seen(self) -> tuple[str, int, tuple[int, int] | None]:
        """What the database shows of it."""
        assert self.state is not None
        return self.state, self.attempts, self.holder


@dataclass
class Model:
    """The queue.

    Args:
        limits: of the tasks that have one.
        max_attempts: of tasks; None: for ever.
    """

    limits: dict[str, int]
    max_attempts: dict[str, int | None]
    rows: dict[UUID, Row] = field(default_factory=dict)
    alive: dict[int, bool] = field(default_factory=dict)
    seconds: int = 0
    events: int = 0

    @property
    def now(self) -> tuple[int, int]:
        self.events += 1
        return self.seconds, self.events

    def enqueue(self, ids: Iterable[UUID], task: str, priority: int, delay: int) -> None:
        seconds, event = self.now
        state = "scheduled" if delay else "ready"
        for id in ids:
            self.rows[id] = Row(task, priority, (seconds + delay, event), state)

    def promote(self) -> int:
        due = [id for id, row in self.rows.items() if row.state == "scheduled" and row.due[0] <= self.seconds]
        for id in due:
            self._change(id, state="ready")
        return len(due)

    def claim(self, worker: int, lease: int, limit: int, task: str | None) -> list[UUID]:
        """From the lane of a limited task, or from the open one. In order."""
        if not self.alive[worker]:
            return []
        if task is not None:
            limit = min(limit, self.limits[task] - len(self._running(task)))
        ready = [id for id, row in self.rows.items() if row.state == "ready" and self._lane(row) == task]
        taken = sorted(ready, key=lambda id: (-self.rows[id].priority, self.rows[id].due, id))[:limit]
        for id in taken:
            attempts = self.rows[id].attempts + 1
            self._change(id, state="running", attempts=attempts, holder=(worker, lease))
        return taken

    def settle(self, worker: int, outcomes: Sequence[tuple[UUID, int, Kind]]) -> set[UUID]:
        """Returns what the worker does not hold under that lease."""
        lost = set()
        for id, lease, kind in outcomes:
            if self.rows[id].holder == (worker, lease):
                self._leave(id, kind)
            else:
                lost.add(id)
        return lost

    def release_strays(self, worker: int, known: set[UUID]) -> int:
        strays = [id for id in self._held_by(worker) if id not in known]
        for id in strays:
            self._leave(id, "release")
        return len(strays)

    def rescue(self) -> set[UUID]:
        lapsed = [id for worker, alive in self.alive.items() if not alive for id in self._held_by(worker)]
        for id in lapsed:
            row, limit = self.rows[id], self.max_attempts[self.rows[id].task]
            spent = limit is not None and row.attempts >= limit
            ended = "cancelled" if row.stopping else "failed" if spent else "ready"
            self._change(id, state=ended, holder=None)
        return set(lapsed)

    def cancel(self, id: UUID) -> bool:
        row = self.rows[id]
        if row.state in ("ready", "scheduled"):
            self._change(id, state="cancelled")
            return True
        if row.state == "running":
            self._change(id, stopping=True)
            return True
        return False

    def _leave(self, id: UUID, kind: Kind) -> None:
        row = self.rows[id]
        seconds, event = self.now
        if row.stopping:
            self._change(id, state="cancelled", holder=None)
        elif kind == "release":
            self._change(id, state="ready", attempts=row.attempts - 1, holder=None)
        elif kind == "retry later":
            self._change(id, state="scheduled", due=(seconds + 60, event), holder=None)
        elif kind == "retry now":
            self._change(id, state="ready", due=(seconds, event), holder=None)
        else:
            self._change(id, state=ENDS[kind], holder=None)

    def _change(self, id: UUID, **fields: object) -> None:
        self.rows[id] = replace(self.rows[id], **fields)  # type: ignore[arg-type]

    def _lane(self, row: Row) -> str | None:
        return row.task if row.task in self.limits else None

    def _running(self, task: str) -> list[UUID]:
        return [id for id, row in self.rows.items() if row.state == "running" and row.task == task]

    def _held_by(self, worker: int) -> list[UUID]:
        return [id for id, row in self.rows.items() if row.holder is not None and row.holder[0] == worker]
