"""Plans made by code: what the compiler would make of a conductor.toml, for tests of the engine alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pgconductor.build.hashes import plan_hashes
from pgconductor.build.sql import LaneTask, QueueSql, migrations
from pgconductor.plan.model import PLAN_FORMAT, Plan, QueuePlan, TaskPlan

SCHEMA = "pgconductor"
PACKAGE = "tests.app"

Changes = Mapping[str, Any]

_QUEUE: Changes = {
    "worker_concurrency": 10,
    "poll_interval_ms": 200,
    "fetch_batch_size": 100,
    "flush_batch_size": 500,
    "lease_ms": 2_000,
    "drain_timeout_ms": 5_000,
    "executor": "async",
    "processes": 1,
    "durability": "strict",
    "paused_on_create": False,
}


def task(name: str, *, limit: int | None = None, retry: Changes | None = None, **changes: Any) -> TaskPlan:
    """A task served by the function of its name in `tests.app.handlers`.

    Args:
        limit: of its concurrency.
        retry: what differs from three attempts without a delay.
        changes: any other field of TaskPlan.
    """
    fields = {
        "name": name,
        "key": name,
        "queue": "default",
        "handler": f"{PACKAGE}.handlers:{name}",
        "payload": "Work",
        "fields": None,
        "result": None,
        "invocable": True,
        "description": None,
        "deprecated": False,
        "version": 1,
        "upgrade": None,
        "log_payload": False,
        "priority": 0,
        "timeout_ms": None,
        "step_timeout_ms": None,
        "retry": {"max_attempts": 3, "delays_ms": (), "jitter": 0.0, **(retry or {})},
        "retention": {"completed_ms": 3_600_000, "failed_ms": None, "cancelled_ms": None},
        "concurrency": None if limit is None else {"limit": limit},
        "rate_limit": None,
        "dedupe": None,
        "windows": (),
        "timezone": "UTC",
        "batch": None,
        "triggers": {},
        "contract": "1",
    }
    return TaskPlan.model_validate({**fields, **changes})


def make_plan(
    *tasks: TaskPlan, queues: Mapping[str, Changes] | None = None, database: Changes | None = None, **changes: Any
) -> Plan:
    """A plan of these tasks and of the queues they name.

    Args:
        queues: what differs in a queue; also queues that no task names.
        database: what differs in the database's settings.
        changes: any other field of Plan.
    """
    schema = changes.get("schema_name", SCHEMA)
    steps = changes.get("migrations") or migrations(schema)
    named = {name: dict(fields) for name, fields in (queues or {}).items()}
    for each in tasks:
        named.setdefault(each.queue, {})
    resolved = {name: _queue(schema, name, tasks, fields) for name, fields in sorted(named.items())}
    by_name = {each.name: each for each in tasks}
    head = {"schema": schema, "migrations": [step.model_dump() for step in steps]}
    fields: dict[str, Any] = {
        "format": PLAN_FORMAT,
        "name": "app",
        "schema_name": schema,
        "timezone": "UTC",
        "package": PACKAGE,
        "source_root": ".",
        "context": None,
        "size_limit": 16 * 1024 * 1024,
        "database": {
            "url": None,
            "pool": {"min": 1, "max": 4, "timeout_ms": 2_000},
            "listen_url": None,
            "apply": "auto",
            "lock_timeout_ms": 3_000,
            "statement_timeout_ms": None,
            **(database or {}),
        },
        "environments": {},
        "migrations": steps,
        "queues": resolved,
        "tasks": by_name,
        "events": {},
        "types": {},
        "moved": (),
        "removed": (),
        "hashes": plan_hashes(head, resolved, by_name),
        "sources": {},
        "files": {},
    }
    return Plan.model_validate({**fields, **changes})


def _queue(schema: str, name: str, tasks: Iterable[TaskPlan], changes: Changes) -> QueuePlan:
    lanes = [
        LaneTask(each.key, each.version, each.concurrency.limit if each.concurrency else None)
        for each in tasks
        if each.queue == name and each.handler
    ]
    statements = QueueSql(schema, name, lanes)
    fields = {"name": name, "tables": statements.tables(), "lanes": statements.lanes(), "poll": statements.poll()}
    return QueuePlan.model_validate({**_QUEUE, **fields, **changes})
