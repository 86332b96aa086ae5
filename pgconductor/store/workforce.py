"""The workers as people see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pgconductor.store.query import AnyConnection, Query, run_blocking
from pgconductor.store.statements import statement

WorkerState: TypeAlias = Literal["working", "idle", "draining", "lost"]


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """One worker: a queue in a process.

    Attributes:
        plan: the structure hash of the plan that it runs.
        running: executions that it holds, those that wait in it for a slot included.
        state: "lost": its lease has lapsed; what it held is rescued.
    """

    id: int
    queue: str
    host: str
    pid: int
    process: UUID
    plan: str
    concurrency: int
    running: int
    state: WorkerState
    started_at: datetime
    heartbeat_at: datetime
    expires_at: datetime

    @property
    def alive(self) -> bool:
        return self.state != "lost"


def read_workers(connection: AnyConnection, schema: str) -> list[WorkerSeen]:
    """All that are known, by queue; lost ones for a day."""
    rows = run_blocking(connection, [Query(statement("read_workers", schema))])[0]
    return [WorkerSeen(*row) for row in rows]
