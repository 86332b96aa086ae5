"""Executions that wait on a queue which is not their task's any more."""

from __future__ import annotations

from typing import NamedTuple

from psycopg import Connection

from pgconductor.plan.model import Plan
from pgconductor.store.statements import statement


class Stray(NamedTuple):
    """What waits of one task on a queue that it left.

    Attributes:
        task: its key.
    """

    task: str
    queue: str
    wanted: str
    executions: int


def find_strays(connection: Connection, plan: Plan) -> list[Stray]:
    """What workers of `plan` would never claim, since its task is on another queue now. Reads all that is queued."""
    tasks = plan.tasks.values()
    values = {"keys": [task.key for task in tasks], "queues": [task.queue for task in tasks]}
    return [Stray(*row) for row in connection.execute(statement("find_strays", plan.schema_name), values)]
