"""The work: whether somebody does it, and sees to the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from psycopg import sql

from pgconductor.plan.model import Plan
from pgconductor.store.health.finding import Finding
from pgconductor.store.query import AnyConnection, Query, run_blocking
from pgconductor.store.statements import statement
from pgconductor.store.status import Status, read_status

# Rounds of maintenance are at most ten seconds apart.
NEGLECTED = 120.0
UNRESCUED = timedelta(minutes=1)
SKEW = 1.0


def examine(connection: AnyConnection, plan: Plan) -> Iterator[Finding]:
    schema = plan.schema_name
    status = read_status(connection, schema)
    yield from queues(status)
    yield from workers(status, plan)
    [(rescued_ago, has_tomorrow)] = run_blocking(connection, [Query(statement("read_upkeep", schema))])[0]
    yield upkeep(rescued_ago, has_tomorrow, alive=any(worker.alive for worker in status.workers), schema=schema)
    yield from _test_clock(connection, schema)


def queues(status: Status) -> Iterator[Finding]:
    well = True
    for queue in status.queues:
        ready = f"{'' if queue.exact else 'about '}{queue.ready:,}"
        if queue.paused:
            well = False
            yield Finding(
                "queues",
                "note",
                f"queue `{queue.name}` is paused, {ready} are ready in it",
                f"`pgconductor queues resume {queue.name}` lets it go on",
            )
        elif queue.ready and not status.serving(queue.name):
            well = False
            yield Finding(
                "queues",
                "warning",
                f"queue `{queue.name}` has {ready} ready and no worker",
                f"start one: `pgconductor run --queue {queue.name}`",
            )
    if well:
        yield Finding("queues", "ok", f"{len(status.queues)}, each open and served where there is work")


def workers(status: Status, plan: Plan) -> Iterator[Finding]:
    alive = [worker for worker in status.workers if worker.alive]
    lost = [
        worker
        for worker in status.workers
        if not worker.alive and worker.running and status.now - worker.expires_at > UNRESCUED
    ]
    for worker in lost:
        yield Finding(
            "workers",
            "warning",
            f"worker {worker.id} ({worker.host}, process {worker.pid}) is lost and still holds {worker.running}",
            "any live worker rescues them within seconds: start one, `pgconductor run`",
        )
    others = sum(worker.plan != plan.hashes.structure for worker in alive)
    if others:
        yield Finding(
            "workers",
            "note",
            f"{others} of {len(alive)} live workers run another plan",
            "during a deploy that is as it should be; afterwards restart them",
        )
    elif not lost:
        yield Finding("workers", "ok", f"{len(alive)} alive")


def upkeep(rescued_ago: float | None, has_tomorrow: bool, *, alive: bool, schema: str) -> Finding:
    if not has_tomorrow:
        return Finding(
            "upkeep",
            "error" if alive else "warning",
            "the history has no partition for tomorrow: nothing could end then",
            f"start a worker, which creates it, or: select {schema}.create_history(14);",
        )
    if alive and (rescued_ago is None or rescued_ago > NEGLECTED):
        since = "yet" if rescued_ago is None else f"for {rescued_ago:,.0f} s"
        return Finding(
            "upkeep",
            "error",
            f"workers are alive, and none has done maintenance {since}: lost work is not rescued",
            "look for errors of `pgconductor maintenance` in their logs, and for locks on their tables",
        )
    return Finding("upkeep", "ok", "the history has room, lost work is rescued" if alive else "the history has room")


def _test_clock(connection: AnyConnection, schema: str) -> Iterator[Finding]:
    query = sql.SQL("select extract(epoch from {}.clock() - clock_timestamp())::float8").format(sql.Identifier(schema))
    row = connection.execute(query).fetchone()
    if row is not None and abs(row[0]) > SKEW:
        yield Finding(
            "clock",
            "error",
            f"{schema}.clock() is {abs(row[0]):,.0f} s {'ahead of' if row[0] > 0 else 'behind'} the server's time",
            "it was replaced, as tests do: put back the function of the migrations, `return clock_timestamp()`",
        )
