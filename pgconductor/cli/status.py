"""`pgconductor status`."""

from __future__ import annotations

from typing import Any

import click

from pgconductor.cli.figures import counted, iso
from pgconductor.cli.output import put, put_json, say, with_json
from pgconductor.cli.overview import HEADINGS, as_object, cells, legend
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_plan
from pgconductor.cli.table import aligned
from pgconductor.cli.workers import as_object as worker_object
from pgconductor.store.status import Status, read_status


@click.command()
@with_json
@select_plan
def command(as_json: bool) -> None:
    """Show the queues: what waits, since when, what runs and how fast it ends.

    Counts of very large queues are estimated, and marked with ~. Rates are of the last minute. The same, live:
    `pgconductor top`.
    """
    project = open_project()
    with project.connection() as connection:
        status = read_status(connection, project.plan.schema_name)
    if as_json:
        put_json(status_object(status))
        return
    put(aligned([HEADINGS, *(cells(status, queue) for queue in status.queues)]))
    for line in [*legend(status.queues, status.rates), *remarks(status)]:
        say(line)


def status_object(status: Status) -> dict[str, Any]:
    """A look for programs."""
    return {
        "time": iso(status.now),
        "queues": [as_object(status, queue) for queue in status.queues],
        "workers": [worker_object(worker, status.now) for worker in status.workers],
    }


def remarks(status: Status) -> list[str]:
    """What a person should not overlook."""
    unserved = [queue.name for queue in status.queues if queue.ready and not status.serving(queue.name)]
    lost = [worker for worker in status.workers if not worker.alive and worker.running]
    found = []
    if unserved:
        found.append(f"no worker serves {', '.join(unserved)}; `pgconductor run` starts one")
    if lost:
        held = sum(worker.running for worker in lost)
        found.append(f"{counted(len(lost), 'lost worker')} still hold {held:,}; any live worker rescues them")
    return found
