"""What would make a database match a plan, as data: `diff` prints it, `apply` runs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from pgconductor.errors import DestructiveChange, SchemaMismatch
from pgconductor.plan.model import Plan, QueuePlan, RemovedQueue
from pgconductor.store.catalog import Catalog, QueueRows, event_row, task_row
from pgconductor.store.statements import statement
from pgconductor.store.strays import Stray

Query = tuple[str, dict[str, Any] | None]

_PARTITIONED = ("scheduled", "ready", "running")


@dataclass(frozen=True)
class Change:
    """One thing that apply would do.

    Attributes:
        summary: for people, beginning with a verb.
        queries: what is run, in order.
        concurrently: outside the transaction, because Postgres wants it so.
        removes: takes something away; only an explicit `pgconductor apply` does it.
    """

    summary: str
    queries: tuple[Query, ...]
    concurrently: bool = False
    removes: bool = False


@dataclass(frozen=True)
class Kept:
    """Something that the plan no longer has and the database keeps, and why."""

    summary: str


def changes(plan: Plan, catalog: Catalog) -> list[Change]:
    """Everything that the database lacks for `plan`, in the order to be done. Nothing here loses a row."""
    return [
        *_migrations(plan, catalog),
        *_queues(plan, catalog),
        *_indexes(plan, catalog),
        *_tasks(plan, catalog),
        *_events(plan, catalog),
        *_moved(plan, catalog),
    ]


def removals(plan: Plan, catalog: Catalog) -> tuple[list[Change], list[Kept]]:
    """What the database has and the plan has not: what apply takes away, and what it keeps.

    Raises:
        DestructiveChange: queues would be dropped with executions in them, and `[[removed]]` does not say what
            becomes of those.
    """
    declared = {removed.queue: removed for removed in plan.removed}
    lost = [queue for queue in catalog.undeclared if queue.total and not _decided(declared.get(queue.name))]
    if lost:
        raise DestructiveChange(_would_lose(lost))
    drops: list[Change] = []
    kept: list[Kept] = []
    for queue in catalog.undeclared:
        drop, reason = _removal(plan, queue, declared.get(queue.name))
        if drop:
            drops.append(drop)
        if reason:
            kept.append(Kept(reason))
    return [*drops, *_stale_indexes(plan, catalog)], kept


def bring_home(plan: Plan, strays: Sequence[Stray]) -> Iterator[Change]:
    """Executions follow their task to the queue that it is on now: on the old one nobody claims them.

    What becomes of those on a queue that is gone as well, `[[removed]]` says.
    """
    for task, queue, wanted, executions in strays:
        if queue not in plan.queues:
            continue
        values = {"task": task, "queue": queue, "wanted": wanted}
        what = "1 execution" if executions == 1 else f"{executions:,} executions"
        summary = f"move {what} of task `{task}` from queue `{queue}` to `{wanted}`"
        updates = _update_pending(plan, "queue = %(wanted)s", "task = %(task)s and queue = %(queue)s")
        yield Change(summary, tuple((update, values) for update in updates), removes=True)


def verify(plan: Plan, catalog: Catalog) -> None:
    """Refuse a schema that this plan must not touch.

    Raises:
        SchemaMismatch: another application's, or newer than the plan.
    """
    if catalog.application not in (None, plan.name):
        raise SchemaMismatch(
            f"schema `{plan.schema_name}` belongs to the application `{catalog.application}`, this one is "
            f"`{plan.name}`; set another `schema` in [conductor], or give this application its own database"
        )
    ours = {migration.number for migration in plan.migrations}
    newer = sorted(catalog.migrations - ours)
    if newer:
        raise SchemaMismatch(
            f"schema `{plan.schema_name}` is at migration {newer[-1]}, this plan knows {max(ours)}; "
            "upgrade pgconductor here (`pip install -U pgconductor`) and run `pgconductor generate`"
        )


def _migrations(plan: Plan, catalog: Catalog) -> Iterator[Change]:
    record = sql.SQL("insert into {}.migrations (number, name) values (%(number)s, %(name)s)")
    insert = record.format(sql.Identifier(plan.schema_name)).as_string(None)
    for migration in plan.migrations:
        if migration.number not in catalog.migrations:
            values = {"number": migration.number, "name": migration.name}
            summary = f"migrate to {migration.number:04d}_{migration.name}"
            yield Change(summary, ((migration.sql, None), (insert, values)))
    if not catalog.has_history:
        query = sql.SQL("select {}(14)").format(sql.Identifier(plan.schema_name, "create_history"))
        yield Change("create the coming days' partitions of finished", ((query.as_string(None), None),))


def _queues(plan: Plan, catalog: Catalog) -> Iterator[Change]:
    insert = sql.SQL(
        "insert into {0}.queues (name, paused, created_at) values (%(name)s, %(paused)s, {0}.clock())"
        " on conflict (name) do nothing"
    ).format(sql.Identifier(plan.schema_name))
    for queue in plan.queues.values():
        missing = [table for table in queue.tables if table.name not in catalog.tables]
        if missing or queue.name not in catalog.queues:
            register = (insert.as_string(None), {"name": queue.name, "paused": queue.paused_on_create})
            creates = tuple((table.sql, None) for table in missing)
            # The partitions are empty and nobody's yet: their indexes need not be built concurrently.
            indexes = tuple((_at_once(lane.index.sql), None) for lane in queue.lanes) if missing else ()
            paused = " (paused)" if queue.paused_on_create else ""
            yield Change(f"create queue `{queue.name}`{paused}", (*creates, *indexes, register))


def _at_once(create_index: str) -> str:
    return create_index.replace("create index concurrently ", "create index ", 1)


def _indexes(plan: Plan, catalog: Catalog) -> Iterator[Change]:
    for queue in plan.queues.values():
        if any(table.name not in catalog.tables for table in queue.tables):
            continue  # created with the queue
        for lane in queue.lanes:
            valid = catalog.indexes.get(lane.index.name)
            if valid:
                continue
            # An index that a broken build left behind is invalid: it is only in the way.
            drop = () if valid is None else (_drop_index(plan, lane.index.name),)
            of = f"task `{lane.task}`" if lane.task else "the tasks without a limit"
            summary = f"create index `{lane.index.name}` for {of} of queue `{queue.name}`"
            yield Change(summary, (*drop, (lane.index.sql, None)), concurrently=True)


def _tasks(plan: Plan, catalog: Catalog) -> Iterator[Change]:
    upsert = statement("upsert_task", plan.schema_name)
    for task in plan.tasks.values():
        wanted, found = task_row(task), catalog.tasks.get(task.key)
        if found is None:
            yield Change(f"register task `{task.key}`", ((upsert, wanted),))
        elif found != wanted:
            differing = ", ".join(name for name in wanted if wanted[name] != found[name])
            yield Change(f"update task `{task.key}` ({differing})", ((upsert, wanted),))


def _events(plan: Plan, catalog: Catalog) -> Iterator[Change]:
    upsert = statement("upsert_event", plan.schema_name)
    for event in plan.events.values():
        wanted, found = event_row(event), catalog.events.get(event.name)
        if found != wanted:
            verb = "register" if found is None else "update"
            yield Change(f"{verb} event `{event.name}`", ((upsert, wanted),))


def _moved(plan: Plan, catalog: Catalog) -> Iterator[Change]:
    queues = {task.key: task.queue for task in plan.tasks.values()}
    for move in plan.moved:
        if move.from_key not in catalog.tasks and move.from_key not in catalog.left_behind:
            continue
        values = {"old": move.from_key, "new": move.to_key, "queue": queues[move.to_key]}
        updates = _update_pending(plan, "task = %(new)s, queue = %(queue)s", "task = %(old)s")
        forget = sql.SQL("delete from {}.tasks where key = %(old)s").format(sql.Identifier(plan.schema_name))
        summary = f"move the executions of task `{move.from_key}` to `{move.to_key}`"
        queries = (*updates, forget.as_string(None))
        yield Change(summary, tuple((query, values) for query in queries), removes=True)


def _update_pending(plan: Plan, change: LiteralString, condition: LiteralString) -> list[str]:
    """Statements that change executions which wait, in whatever state."""
    update = sql.SQL("update {} set " + change + " where " + condition)
    states = ("ready", "scheduled", "waiting")
    return [update.format(sql.Identifier(plan.schema_name, state)).as_string(None) for state in states]


def _decided(removed: RemovedQueue | None) -> bool:
    return removed is not None and (removed.pending is not None or removed.move_to is not None)


def _would_lose(queues: list[QueueRows]) -> str:
    lines = [f"  queue `{queue.name}` holds {queue.counts()}" for queue in queues]
    first = queues[0].name
    return "\n".join(
        [
            "these queues are no longer declared, and dropping them would lose executions:",
            *lines,
            "say what becomes of them in conductor.toml, and apply again:",
            "  [[removed]]",
            f'  queue = "{first}"',
            '  pending = "drain"    # or "cancel", or { move_to = "default" }',
        ]
    )


def _removal(plan: Plan, queue: QueueRows, removed: RemovedQueue | None) -> tuple[Change | None, str | None]:
    if queue.worker_plans:
        return None, f"queue `{queue.name}` is kept: {len(queue.worker_plans)} workers of another plan still serve it"
    if queue.running:
        return None, f"queue `{queue.name}` is kept until its {queue.running} running executions are rescued or end"
    if queue.pending and removed is not None and removed.pending == "drain":
        return None, f"queue `{queue.name}` is kept until it is drained: {queue.counts()}"
    what = f" ({_fate(removed)} its {queue.counts()})" if queue.pending else ""
    forget = sql.SQL("delete from {}.queues where name = %(name)s").format(sql.Identifier(plan.schema_name))
    queries = (
        *_empty(plan, queue, removed),
        *_drop_partitions(plan, queue),
        (forget.as_string(None), {"name": queue.name}),
    )
    return Change(f"drop queue `{queue.name}`{what}", (_lock_partitions(plan, queue), *queries), removes=True), None


def _lock_partitions(plan: Plan, queue: QueueRows) -> Query:
    """Whoever is enqueueing to a queue that goes has committed before we look, and nobody does so after.

    Parents first, as everybody takes them; `drop table` would ask for them later.
    """
    parents = [sql.SQL("only {}").format(sql.Identifier(plan.schema_name, state)) for state in _PARTITIONED]
    tables = sql.SQL(", ").join([*parents, *_partitions(plan, queue)])
    return sql.SQL("lock table {} in access exclusive mode").format(tables).as_string(None), None


def _drop_partitions(plan: Plan, queue: QueueRows) -> tuple[Query, ...]:
    partitions = _partitions(plan, queue)
    rows = sql.SQL(" union all ").join(sql.SQL("select from {}").format(partition) for partition in partitions)
    check = sql.SQL(
        "do $check$ begin if exists ({rows}) then raise exception using errcode = 'object_in_use', message = {message};"
        " end if; end $check$"
    ).format(rows=rows, message=f"queue `{queue.name}` was given executions meanwhile")
    drop = sql.SQL("drop table {}").format(sql.SQL(", ").join(partitions))
    return (check.as_string(None), None), (drop.as_string(None), None)


def _partitions(plan: Plan, queue: QueueRows) -> list[sql.Identifier]:
    return [sql.Identifier(plan.schema_name, f"{state}_{queue.name}") for state in _PARTITIONED]


def _fate(removed: RemovedQueue | None) -> str:
    return f"moving to `{removed.move_to}`" if removed is not None and removed.move_to else "cancelling"


def _empty(plan: Plan, queue: QueueRows, removed: RemovedQueue | None) -> tuple[Query, ...]:
    if removed is None or not (removed.move_to or removed.pending == "cancel"):
        return ()
    if removed.move_to is None:
        values = {"queue": queue.name, "reason": f"queue `{queue.name}` was removed"}
        return ((statement("cancel_queue", plan.schema_name), values),)
    values = {"to": removed.move_to, "queue": queue.name}
    return tuple((update, values) for update in _update_pending(plan, "queue = %(to)s", "queue = %(queue)s"))


def _stale_indexes(plan: Plan, catalog: Catalog) -> Iterator[Change]:
    """Lane indexes that only an earlier plan claimed by; kept while its workers live."""
    for queue in plan.queues.values():
        if catalog.foreign_plans.get(queue.name):
            continue
        for name in _lane_indexes(queue, catalog):
            query = _drop_index(plan, name)
            yield Change(f"drop index `{name}`: no lane uses it any more", (query,), concurrently=True, removes=True)


def _lane_indexes(queue: QueuePlan, catalog: Catalog) -> list[str]:
    wanted = {lane.index.name for lane in queue.lanes}
    digest = len("_12345678")
    prefixes = (f"claim_{queue.name}", f"lane_{queue.name}")
    return sorted(name for name in catalog.indexes if name[:-digest] in prefixes and name not in wanted)


def _drop_index(plan: Plan, name: str) -> Query:
    query = sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(plan.schema_name, name))
    return query.as_string(None), None
