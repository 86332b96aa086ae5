"""Executions that were enqueued under another contract of their task than the plan's."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import Connection

from pgconductor.plan.model import Plan
from pgconductor.store.catalog import Catalog
from pgconductor.store.statements import statement


@dataclass(frozen=True)
class Queued:
    """What is queued of a task whose contract changes.

    Attributes:
        task: its key.
        version: of the payloads.
        upgraded: the plan has a later version and an `upgrade` that brings them up.
        counts: by state.
    """

    task: str
    version: int
    upgraded: bool
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def summary(self) -> str:
        """For people: "12 executions of task `send` were enqueued under its old contract (9 ready, 3 scheduled)"."""
        were = "1 execution" if self.total == 1 else f"{self.total:,} executions"
        verb = "was" if self.total == 1 else "were"
        states = ", ".join(f"{count:,} {state}" for state, count in self.counts.items())
        fate = f"; `upgrade` brings version {self.version} up" if self.upgraded else ""
        return f"{were} of task `{self.task}` {verb} enqueued under its old contract ({states}){fate}"


def queued_otherwise(connection: Connection, plan: Plan, catalog: Catalog) -> tuple[Queued, ...]:
    """What is queued of the tasks whose contract in the database is not that of `plan`. Reads all that is queued."""
    tasks = {task.key: task for task in plan.tasks.values()}
    changed = [
        key for key, task in tasks.items() if key in catalog.tasks and catalog.tasks[key]["contract"] != task.contract
    ]
    if not changed:
        return ()
    counts: dict[tuple[str, int], dict[str, int]] = {}
    for key, version, state, count in connection.execute(
        statement("count_queued", plan.schema_name), {"tasks": changed}
    ):
        counts.setdefault((key, version), {})[state] = count
    return tuple(
        Queued(key, version, tasks[key].upgrade is not None and version < tasks[key].version, found)
        for (key, version), found in counts.items()
    )
