"""`pgconductor emit EVENT JSON`."""

from __future__ import annotations

import sys
from uuid import UUID

import click

from pgconductor.cli.output import put, put_json
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_plan, selection
from pgconductor.client.commands import find_event
from pgconductor.client.conductor import BaseSyncConductor
from pgconductor.client.emitter import SyncEmitter


@click.command()
@click.argument("event")
@click.argument("payload", metavar="[JSON]", default="{}")
@click.option("--id", type=click.UUID, help="The event's id; the same id twice is one event, while it is kept.")
@click.option("--json", "as_json", is_flag=True, help="For programs: an object with id and event.")
@select_plan
def command(event: str, payload: str, id: UUID | None, as_json: bool) -> None:
    """Emit an event to everybody who waits for it.

    Those who begin to wait later do not hear of it. JSON is the payload, {} by default, - to read it from stdin. It is
    checked against the event's model before anything is written. The event's id goes to stdout.
    """
    project = open_project()
    declared = project.event(find_event(project.plan, event))
    given = declared.validate(sys.stdin.read() if payload == "-" else payload)
    with BaseSyncConductor.connect(plan=project.path, env=selection().env) as conductor:
        emitted = SyncEmitter(conductor, declared)(given, id=id)
    if as_json:
        put_json({"id": str(emitted), "event": event})
    else:
        put(str(emitted))
