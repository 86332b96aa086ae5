"""The views of the SQL files for review."""

from __future__ import annotations

from dataclasses import dataclass

from pgconductor.plan.model import Lane, Plan, QueuePlan


@dataclass(frozen=True, slots=True)
class Titled:
    """A migration under a heading."""

    title: str
    sql: str


@dataclass(frozen=True, slots=True)
class LaneSource:
    title: str
    index: str
    claim: str


class SchemaView:
    """What the template `schema.sql.jinja` writes down."""

    def __init__(self, plan: Plan) -> None:
        self.application = plan.name
        self.schema = plan.schema_name
        self.migrations = [Titled(f"{m.number:04d}: {m.name}", m.sql.strip("\n")) for m in plan.migrations]


class QueueView:
    """What the template `queue.sql.jinja` writes down."""

    def __init__(self, queue: QueuePlan) -> None:
        self.queue = queue.name
        self.tables = [table.sql.strip("\n") for table in queue.tables]
        self.lanes = [_lane(lane) for lane in queue.lanes]
        self.poll = queue.poll.strip("\n")


def _lane(lane: Lane) -> LaneSource:
    title = "Tasks without a limit" if lane.task is None else f"Task `{lane.task}`, at most {lane.limit} at once"
    return LaneSource(title, lane.index.sql.strip("\n"), lane.claim.strip("\n"))
