"""`Config`: what the user wrote, with every default in place. Durations are integer milliseconds.

Field names are those of `pgconductor.plan.model` wherever the same thing is meant. `[defaults.*]` is merged into the
queues and tasks, so nothing that reads a Config needs to know of it. `pgconductor.config.load` makes one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from pgconductor.config.types import Fields, Payload, SharedType, TypeExpr

SECOND = 1_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE


class Frozen(BaseModel):
    # Deferred: every command imports these, few make one of each, and those made inside another need no own validator.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Retry(Frozen):
    """When a failed attempt is followed by another. A `backoff` is already worked out into delays."""

    max_attempts: int | None = 3  # None: for ever
    delays_ms: tuple[int, ...] = (15 * SECOND, 30 * SECOND, 60 * SECOND)  # the last repeats
    jitter: float = 0.1
    # Exceptions, by builtin name or "module:Class": only these are tried again (empty: all), and these never.
    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()


class Retention(Frozen):
    """How long a finished execution is kept, by outcome. 0 keeps nothing, None keeps it for ever."""

    completed_ms: int | None = 7 * DAY
    failed_ms: int | None = 30 * DAY
    cancelled_ms: int | None = 7 * DAY


class Concurrency(Frozen):
    """At most `limit` at once across all workers, at most `per_key` for one value of the payload field `key`."""

    limit: int | None
    key: str | None = None  # "payload.tenant"
    per_key: int | None = None


class RateLimit(Frozen):
    count: int
    per_ms: int
    key: str | None = None  # "payload.tenant"


class Dedupe(Frozen):
    key: str | None = None  # "{order_id}": a format over the payload's fields
    scope: Literal["pending", "active"] | int = "pending"  # an int: milliseconds after the enqueue
    conflict: Literal["skip", "replace"] = "skip"


class Batch(Frozen):
    size: int = 100
    max_wait_ms: int = 2 * SECOND


class CronTrigger(Frozen):
    kind: Literal["cron"] = "cron"
    expression: str
    timezone: str
    catch_up: Literal["latest", "all", "skip"] = "latest"
    jitter_ms: int = 0
    payload: dict[str, Any] | None = None  # JSON, checked against the task's model


class EventTrigger(Frozen):
    kind: Literal["event"] = "event"
    event: str
    fields: tuple[str, ...] | None = None
    where: str | None = None  # `pgconductor.config.condition.parse` reads it


class TableTrigger(Frozen):
    kind: Literal["table"] = "table"
    table: str  # "schema.table", exact case; a part that holds a dot is in double quotes
    on: tuple[Literal["insert", "update", "delete"], ...] = ("insert", "update", "delete")
    columns: dict[str, TypeExpr | None] | None = None
    update_of: tuple[str, ...] | None = None
    when: str | None = None  # `pgconductor.config.condition.parse` reads it


Trigger: TypeAlias = "CronTrigger | EventTrigger | TableTrigger"


class Task(Frozen):
    name: str
    key: str  # its name in the database
    queue: str = "default"
    handler: str | None = None
    payload: Payload = Fields()
    result: Payload | None = None  # `returns`
    invocable: bool = True
    description: str | None = None
    deprecated: str | bool = False
    version: int = 1
    upgrade: str | None = None
    log_payload: bool = False
    priority: int = 0
    timeout_ms: int | None = None
    step_timeout_ms: int | None = None
    retry: Retry = Retry()
    retention: Retention = Retention()
    concurrency: Concurrency | None = None
    rate_limit: RateLimit | None = None
    dedupe: Dedupe | None = None
    windows: tuple[str, ...] = ()  # `pgconductor.config.windows.parse` reads each
    timezone: str = "UTC"
    batch: Batch | None = None
    triggers: dict[str, Trigger] = {}


class Queue(Frozen):
    name: str
    worker_concurrency: int = 10
    poll_interval_ms: int = SECOND
    fetch_batch_size: int = 100
    flush_batch_size: int = 500
    lease_ms: int = 30 * SECOND
    drain_timeout_ms: int = 30 * SECOND
    executor: str = "async"  # "async" | "thread" | "process" | "module:factory"
    processes: int = 1
    durability: Literal["strict", "relaxed"] = "strict"
    paused_on_create: bool = False


class Event(Frozen):
    name: str
    payload: Payload = Fields()
    description: str | None = None
    retention_ms: int = DAY


class Pool(Frozen):
    min: int = 1
    max: int = 10
    timeout_ms: int = 30 * SECOND


class Database(Frozen):
    """`[database]` as written: `${...}` in `url` and `listen_url` is checked, and expanded when a command runs."""

    url: str | None = None  # None: the embedded Postgres
    pool: Pool = Pool()
    listen_url: str | None = None
    apply: Literal["auto", "verify"] = "auto"
    lock_timeout_ms: int = 3 * SECOND
    statement_timeout_ms: int | None = None


class Generate(Frozen):
    package: str  # "shop.conductor"
    source_root: str  # relative to conductor.toml, "/" between parts
    sql_dir: str = "db/conductor"
    clients: tuple[Literal["async", "sync"], ...] = ("async", "sync")
    python: str = "3.11"


class Dev(Frozen):
    watch: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    grace_ms: int = 3 * SECOND
    port: int = 8765


class Overrides(Frozen):
    """`[env.<name>]`: only what it changes, as fields of the models above and in their units, nested values whole.

    `[env.<name>.defaults.*]` is spread over the queues and tasks that do not set the key themselves.
    """

    database: dict[str, Any] = {}
    dev: dict[str, Any] = {}
    queues: dict[str, dict[str, Any]] = {}
    tasks: dict[str, dict[str, Any]] = {}


class MovedTask(Frozen):
    from_key: str
    to_key: str


class RemovedQueue(Frozen):
    queue: str
    pending: Literal["drain", "cancel"] | None
    move_to: str | None


class Config(Frozen):
    """A valid `conductor.toml` with its includes and JSON Schemas."""

    path: Path  # the root file, absolute
    format: int
    name: str
    schema_name: str = "pgconductor"
    timezone: str = "UTC"
    context: str | None = None
    size_limit: int = 16 * 1024 * 1024
    requires: str | None = None
    database: Database = Database()
    generate: Generate
    queues: dict[str, Queue]  # `default` is always there
    types: dict[str, SharedType] = {}
    events: dict[str, Event] = {}
    tasks: dict[str, Task] = {}
    moved: tuple[MovedTask, ...] = ()
    removed: tuple[RemovedQueue, ...] = ()
    environments: dict[str, Overrides] = {}
    dev: Dev = Dev()
    # Every file that was read, relative to the directory of `path`, with the SHA-256 of its bytes in hex.
    sources: dict[str, str]
