"""What the database has now, as far as a plan is concerned."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import dict_row, namedtuple_row

from pgconductor.plan.model import Dedupe, EventPlan, Plan, TaskPlan
from pgconductor.store.statements import statement

TaskRow = dict[str, Any]

# Of a task without `dedupe`: keys that its callers give.
UNDECLARED = Dedupe(key=None, scope="pending", conflict="skip")


@dataclass(frozen=True)
class QueueRows:
    """A queue that the database has and the plan has not.

    Attributes:
        worker_plans: structure hashes of the plans of its live workers.
    """

    name: str
    worker_plans: list[str]
    ready: int
    scheduled: int
    running: int
    waiting: int

    @property
    def pending(self) -> int:
        return self.ready + self.scheduled + self.waiting

    @property
    def total(self) -> int:
        return self.pending + self.running

    def counts(self) -> str:
        """For people: "3 ready, 1 running"."""
        states = ("ready", "scheduled", "waiting", "running")
        return ", ".join(f"{getattr(self, state)} {state}" for state in states if getattr(self, state))


@dataclass(frozen=True)
class Catalog:
    """A snapshot of the schema; every field is empty where the schema does not exist yet."""

    application: str | None = None
    migrations: frozenset[int] = frozenset()
    queues: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    indexes: dict[str, bool] = field(default_factory=dict)  # name to valid
    tasks: dict[str, TaskRow] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_behind: frozenset[str] = frozenset()  # keys that tasks moved from, and executions still have
    undeclared: tuple[QueueRows, ...] = ()
    foreign_plans: dict[str, bool] = field(default_factory=dict)  # queue to: live workers of another plan
    has_history: bool = False


def read_catalog(connection: Connection, plan: Plan) -> Catalog:
    """Read what the database has for the schema of `plan`."""
    schema = plan.schema_name
    tables = _names(connection, schema, "r", "p")
    if "migrations" not in tables:
        return Catalog(tables=tables)
    migrations = frozenset(_column(connection, "select number from {}.migrations", schema))
    application = next(iter(_column(connection, "select name from {}.application", schema)), None)
    if not migrations:
        return Catalog(application=application, tables=tables)
    queues = frozenset(_column(connection, "select name from {}.queues", schema))
    return Catalog(
        application=application,
        migrations=migrations,
        queues=queues,
        tables=tables,
        indexes=_indexes(connection, schema),
        tasks={row["key"]: row for row in _tasks(connection, schema)},
        events={row["name"]: row for row in _events(connection, schema)} if "event_types" in tables else {},
        left_behind=frozenset(_left_behind(connection, plan)),
        undeclared=_rows_of(connection, schema, queues - plan.queues.keys()),
        foreign_plans=_foreign_plans(connection, schema, plan.hashes.structure),
        has_history=any(name.startswith("finished_") for name in tables),
    )


def task_row(task: TaskPlan) -> TaskRow:
    """What `tasks` should hold for a task of the plan."""
    dedupe = task.dedupe or UNDECLARED
    named = [name for _, name, _, _ in Formatter().parse(dedupe.key or "") if name]
    defaults = {name: task.fields[name].default for name in named if task.fields and not task.fields[name].required}
    return {
        "key": task.key,
        "queue": task.queue,
        "version": task.version,
        "priority": task.priority,
        "max_attempts": task.retry.max_attempts,
        "keep_completed": task.retention.completed_ms,
        "keep_failed": task.retention.failed_ms,
        "keep_cancelled": task.retention.cancelled_ms,
        "dedupe_key": dedupe.key,
        "dedupe_defaults": json.dumps(defaults, sort_keys=True),
        "dedupe_scope": "duration" if isinstance(dedupe.scope, int) else dedupe.scope,
        "dedupe_for": dedupe.scope if isinstance(dedupe.scope, int) else None,
        "dedupe_conflict": dedupe.conflict,
        "contract": task.contract,
    }


def event_row(event: EventPlan) -> dict[str, Any]:
    """What `event_types` should hold for an event of the plan."""
    return {"name": event.name, "keep": event.retention_ms, "contract": event.contract}


def _names(connection: Connection, schema: str, *kinds: str) -> frozenset[str]:
    rows = connection.execute(
        "select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relkind::text = any (%s)",
        (schema, list(kinds)),
    )
    return frozenset(row[0] for row in rows)


def _indexes(connection: Connection, schema: str) -> dict[str, bool]:
    rows = connection.execute(
        "select c.relname, i.indisvalid from pg_index as i join pg_class as c on c.oid = i.indexrelid"
        " join pg_namespace as n on n.oid = c.relnamespace where n.nspname = %s",
        (schema,),
    )
    return dict(rows.fetchall())


def _column(connection: Connection, query: str, schema: str) -> list[Any]:
    text = sql.SQL(query).format(sql.Identifier(schema))
    return [row[0] for row in connection.execute(text)]


def _tasks(connection: Connection, schema: str) -> list[TaskRow]:
    return connection.cursor(row_factory=dict_row).execute(statement("read_tasks", schema)).fetchall()


def _events(connection: Connection, schema: str) -> list[dict[str, Any]]:
    return connection.cursor(row_factory=dict_row).execute(statement("read_events", schema)).fetchall()


def _left_behind(connection: Connection, plan: Plan) -> list[str]:
    """Clients and workers of the old plan go on under the old key for a while."""
    query = sql.SQL(
        "select key from unnest(%s::text[]) as key where exists (select from {0}.ready where task = key)"
        " or exists (select from {0}.scheduled where task = key) or exists (select from {0}.waiting where task = key)"
    ).format(sql.Identifier(plan.schema_name))
    return [row[0] for row in connection.execute(query, ([move.from_key for move in plan.moved],))]


def _rows_of(connection: Connection, schema: str, queues: frozenset[str]) -> tuple[QueueRows, ...]:
    if not queues:
        return ()
    cursor = connection.cursor(row_factory=namedtuple_row)
    rows = cursor.execute(statement("read_queues", schema), {"names": sorted(queues)})
    return tuple(sorted((QueueRows(**row._asdict()) for row in rows), key=lambda queue: queue.name))


def _foreign_plans(connection: Connection, schema: str, structure: str) -> dict[str, bool]:
    query = sql.SQL("select queue, bool_or(plan <> %s) from {0}.workers where expires_at > {0}.clock() group by queue")
    return dict(connection.execute(query.format(sql.Identifier(schema)), (structure,)).fetchall())
