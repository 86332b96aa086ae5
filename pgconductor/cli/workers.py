"""`pgconductor workers`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from pgconductor.cli.figures import ago, iso
from pgconductor.cli.output import put, put_json, say, with_json
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_plan
from pgconductor.cli.table import aligned
from pgconductor.store.depth import read_now
from pgconductor.store.workforce import WorkerSeen, read_workers

HEADINGS = ("worker", "queue", "host", "pid", "state", "running", "plan", "since", "last beat")


@click.command()
@with_json
@click.option("--queue", metavar="QUEUE", help="Only of this queue.")
@select_plan
def command(as_json: bool, queue: str | None) -> None:
    """List the workers: one a queue and process, with what each holds.

    A worker is lost when it has not beaten for its lease; what it held is rescued, and its line goes after a day.
    """
    project = open_project()
    with project.connection() as connection:
        now = read_now(connection, project.plan.schema_name)
        workers = [
            worker for worker in read_workers(connection, project.plan.schema_name) if queue in (None, worker.queue)
        ]
    if as_json:
        put_json([as_object(worker, now) for worker in workers])
    elif workers:
        put(aligned([HEADINGS, *(cells(worker, now, project.plan.hashes.structure) for worker in workers)]))
    else:
        say("no workers; `pgconductor run` starts one")


def cells(worker: WorkerSeen, now: datetime, plan: str) -> tuple[str, ...]:
    """A worker's line under HEADINGS.

    Args:
        plan: the structure hash of the plan here.
    """
    return (
        str(worker.id),
        worker.queue,
        worker.host,
        str(worker.pid),
        worker.state,
        f"{worker.running:,}/{worker.concurrency:,}",
        "this" if worker.plan == plan else "another",
        ago(worker.started_at, now),
        ago(worker.heartbeat_at, now),
    )


def as_object(worker: WorkerSeen, now: datetime) -> dict[str, Any]:
    """A worker for programs."""
    moments = ("started_at", "heartbeat_at", "expires_at")
    facts = asdict(worker) | {"process": str(worker.process)} | {name: iso(getattr(worker, name)) for name in moments}
    return facts | {"heartbeat_seconds": round((now - worker.heartbeat_at).total_seconds(), 3)}
