"""The plan: what runs. Frozen, every default resolved, every duration in integer milliseconds.

`conductor.toml` is what a person wrote (`pgconductor.config`); the plan is what the compiler made of it, and all that
`run`, `apply` and the client read. `Plan.from_json(plan.to_json()) == plan` always holds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from pgconductor.errors import PlanError

# Raised by one whenever a plan of the old shape could not be run as it is.
PLAN_FORMAT = 1

# What generate adds to the file for itself: that it is generated, and a digest that tells an edit by hand.
SEAL = ("generated", "digest")


class Frozen(BaseModel):
    # Deferred: every command imports these, few make one of each, and those made inside another need no own validator.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Retry(Frozen):
    """When a failed attempt is followed by another."""

    max_attempts: int | None  # None: for ever
    delays_ms: tuple[int, ...]  # after the first, second, ... failure; the last repeats
    jitter: float  # 0.1: each delay is drawn from 90 to 110 %
    retry_on: tuple[str, ...] = ()  # builtin names or "module:Class": only these are tried again; empty: all
    give_up_on: tuple[str, ...] = ()  # these are never


class Retention(Frozen):
    """How long a finished execution is kept, by outcome. 0 keeps nothing, None keeps it for ever."""

    completed_ms: int | None
    failed_ms: int | None
    cancelled_ms: int | None


class Concurrency(Frozen):
    limit: int | None
    key: str | None = None
    per_key: int | None = None


class RateLimit(Frozen):
    count: int
    per_ms: int
    key: str | None = None


class Dedupe(Frozen):
    key: str | None  # "{order_id}": a format over the payload's fields
    scope: Literal["pending", "active"] | int  # an int: milliseconds after the enqueue
    conflict: Literal["skip", "replace"]


class Batch(Frozen):
    size: int
    max_wait_ms: int


class CronTrigger(Frozen):
    kind: Literal["cron"] = "cron"
    expression: str
    timezone: str
    catch_up: Literal["latest", "all", "skip"]
    jitter_ms: int
    payload: dict[str, Any] | None


class EventTrigger(Frozen):
    kind: Literal["event"] = "event"
    event: str
    fields: tuple[str, ...] | None
    where: str | None


class TableTrigger(Frozen):
    kind: Literal["table"] = "table"
    table: str
    on: tuple[Literal["insert", "update", "delete"], ...]
    columns: dict[str, str | None] | None  # name to type expression
    update_of: tuple[str, ...] | None
    when: str | None


Trigger: TypeAlias = "CronTrigger | EventTrigger | TableTrigger"


class FieldPlan(Frozen):
    """One field of a payload or of a shared type, as far as rows are concerned."""

    type: str  # a type expression
    required: bool
    default: Any = None  # JSON, used when the field is absent and not required


class TypePlan(Frozen):
    """A shared type: what payloads are made of. Exactly one of the three is there."""

    fields: dict[str, FieldPlan] | None = None
    enum: tuple[str, ...] | None = None
    ref: str | None = None  # "module:Class" of the user's own


class TaskPlan(Frozen):
    """One task, resolved."""

    name: str
    key: str  # its name in the database
    queue: str
    handler: str | None  # "module:function"
    payload: str  # name of the model in the generated `models`, or "module:Class" of the user's own
    fields: dict[str, FieldPlan] | None  # of the payload; None: a class of the user's own, which nobody imports
    result: str | None  # likewise; None: no result
    invocable: bool
    description: str | None
    deprecated: str | bool
    version: int
    upgrade: str | None
    log_payload: bool
    # tunables
    priority: int
    timeout_ms: int | None
    step_timeout_ms: int | None
    retry: Retry
    retention: Retention
    concurrency: Concurrency | None
    rate_limit: RateLimit | None
    dedupe: Dedupe | None
    windows: tuple[str, ...]
    timezone: str
    batch: Batch | None
    triggers: dict[str, Trigger]
    # Digest of key, version, payload and result schemas: can rows queued under another plan be read?
    contract: str


class Statement(Frozen):
    """One piece of DDL. `concurrently` ones must run outside a transaction."""

    name: str  # the object it creates, unqualified
    sql: str
    concurrently: bool = False


class Lane(Frozen):
    """The tasks of a queue that one claim statement serves.

    A queue has one open lane for all its tasks without a limit, and one lane for each task with a limit.
    """

    task: str | None  # key of the limited task; None: the open lane
    limit: int | None  # how many may run at every instant, across all workers
    index: Statement  # the partial index that the claim is made for
    claim: str  # the claim statement, psycopg's %(name)s parameters


class QueuePlan(Frozen):
    """One queue, resolved."""

    name: str
    # structure
    tables: tuple[Statement, ...]  # partitions and their own indexes
    lanes: tuple[Lane, ...]  # the open lane first
    poll: str  # promotes what is due, says what is ready and when the next is due
    # tunables
    worker_concurrency: int
    poll_interval_ms: int
    fetch_batch_size: int
    flush_batch_size: int
    lease_ms: int
    drain_timeout_ms: int
    executor: str  # "async" | "thread" | "process" | "module:factory"
    processes: int
    durability: Literal["strict", "relaxed"]
    paused_on_create: bool


class EventPlan(Frozen):
    name: str
    payload: str  # as of a task
    fields: dict[str, FieldPlan] | None
    description: str | None
    retention_ms: int
    contract: str


class Migration(Frozen):
    """A numbered step of the engine's own schema, rendered for `Plan.schema_name`."""

    number: int
    name: str
    sql: str


class Pool(Frozen):
    min: int
    max: int
    timeout_ms: int


class DatabasePlan(Frozen):
    """`[database]` as written: `${...}` is expanded when a command runs, never by generate."""

    url: str | None
    pool: Pool
    listen_url: str | None
    apply: Literal["auto", "verify"]
    lock_timeout_ms: int
    statement_timeout_ms: int | None


class Hashes(Frozen):
    """`structure`: does the database match. `tunables`: what may be swapped while running."""

    structure: str
    tunables: str


class Overrides(Frozen):
    """What `[env.<name>]` changes: the tunables of queues and tasks and the database, as fields of the models above."""

    database: dict[str, Any]
    queues: dict[str, dict[str, Any]]
    tasks: dict[str, dict[str, Any]]
    hashes: Hashes  # of the plan with these changes: a limit of its own gives an environment other indexes


class RemovedQueue(Frozen):
    queue: str
    pending: Literal["drain", "cancel"] | None
    move_to: str | None


class MovedTask(Frozen):
    from_key: str
    to_key: str


class Plan(Frozen):
    """Everything that runs."""

    format: int
    name: str
    schema_name: str
    timezone: str
    package: str
    source_root: str
    context: str | None  # "module:Class" of `ctx.deps`
    size_limit: int  # bytes of JSON that a payload, a result or a step's value may have
    database: DatabasePlan
    environments: dict[str, Overrides]
    migrations: tuple[Migration, ...]
    queues: dict[str, QueuePlan]
    tasks: dict[str, TaskPlan]
    events: dict[str, EventPlan]
    types: dict[str, TypePlan]  # every type that the fields of tasks and events name
    moved: tuple[MovedTask, ...]
    removed: tuple[RemovedQueue, ...]
    hashes: Hashes
    # Digest of the sources (TOML files, includes, schemas) by path relative to conductor.toml: lets `run` warn that
    # generate was forgotten without being able to read TOML.
    sources: dict[str, str]
    # Every file generate wrote beside this one, by path relative to conductor.toml, with the digest in its header.
    files: dict[str, str]

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, two-space indent, ASCII, one newline at the end."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """The plan that `to_json` wrote.

        Raises:
            PlanError: not a plan, or a plan of another format.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise PlanError(f"the plan is not JSON ({error}); run `pgconductor generate`") from None
        found = data.get("format") if isinstance(data, dict) else None
        if found != PLAN_FORMAT:
            newer = isinstance(found, int) and found > PLAN_FORMAT
            remedy = "upgrade pgconductor" if newer else "run `pgconductor generate`"
            raise PlanError(f"the plan has format {found}, this version reads {PLAN_FORMAT}; {remedy}")
        for key in SEAL:
            data.pop(key, None)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise PlanError(f"the plan is damaged at `{where}`: {first['msg']}; run `pgconductor generate`") from None

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a plan file.

        Raises:
            PlanError: no such file, not a plan, or a plan of another format.
        """
        try:
            text = path.read_bytes()
        except OSError as error:
            raise PlanError(f"no plan at {path} ({error.strerror}); run `pgconductor generate`") from None
        return cls.from_json(text)

    def for_environment(self, name: str | None) -> Plan:
        """The plan with the overrides of `[env.<name>]` applied.

        Raises:
            PlanError: the plan has no such environment.
        """
        if name is None:
            return self
        overrides = self.environments.get(name)
        if overrides is None:
            known = ", ".join(f"`{env}`" for env in sorted(self.environments)) or "none"
            raise PlanError(f"no environment `{name}` in the plan; declared: {known}")
        data = self.model_dump()
        data["hashes"] = overrides.hashes
        data["database"].update(overrides.database)
        for queue, changes in overrides.queues.items():
            data["queues"][queue].update(changes)
        for task, changes in overrides.tasks.items():
            data["tasks"][task].update(changes)
        return Plan.model_validate(data)
