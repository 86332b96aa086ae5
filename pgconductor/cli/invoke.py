"""`pgconductor invoke TASK JSON`."""

from __future__ import annotations

import sys
from typing import Any
from uuid import UUID

import click

from pgconductor.cli.ask import ask
from pgconductor.cli.output import is_terminal, put, put_json, say
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_plan, selection
from pgconductor.cli.values import duration, moment
from pgconductor.client.commands import find_task
from pgconductor.client.conductor import BaseSyncConductor
from pgconductor.client.invoker import SyncTaskInvoker
from pgconductor.errors import ValidationError


@click.command()
@click.argument("task", required=False)
@click.argument("payload", metavar="[JSON]", default="{}")
@click.option("--wait", is_flag=True, help="Wait for the end and print the result.")
@click.option(
    "--timeout",
    metavar="DURATION",
    callback=duration,
    help="With --wait: give up after so long; the execution goes on.",
)
@click.option("--priority", type=int, help="-100 to 100, higher runs first.")
@click.option("--delay", metavar="DURATION", callback=duration, help='Run no earlier than so long from now: "5m".')
@click.option(
    "--run-at", metavar="MOMENT", callback=moment, help="Run no earlier than this moment, ISO 8601 with its offset."
)
@click.option("--dedupe-key", metavar="KEY", help="At most one live execution of the task has this key.")
@click.option(
    "--throttle", metavar="DURATION", callback=duration, help="Only the first in a slot of this length is enqueued."
)
@click.option(
    "--debounce", metavar="DURATION", callback=duration, help="Only the last in a slot of this length runs, at its end."
)
@click.option("--id", type=click.UUID, help="The execution's id; the same id twice is one execution.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A word to find it by; several may be given.")
@click.option("--json", "as_json", is_flag=True, help="For programs: an object with id, task and, with --wait, result.")
@select_plan
def command(task: str | None, payload: str, wait: bool, timeout: str | None, as_json: bool, **options: Any) -> None:
    """Enqueue one execution of a task.

    JSON is the payload, {} by default, - to read it from stdin. It is checked against the task's model before anything
    is written. The execution's id goes to stdout, with --wait its result.

    On a terminal, without TASK, it asks for both.
    """
    if timeout is not None and not wait:
        raise click.UsageError("--timeout says how long to --wait")
    options["tags"] = options["tags"] or None
    project = open_project()
    if task is None:
        if not is_terminal(sys.stdin):
            raise click.UsageError("name a TASK")
        stub, given = ask(project)
        task = stub.name
    else:
        declared = find_task(project.plan, task)
        if not declared.invocable:
            raise ValidationError(f"task `{task}` cannot be invoked: it has only triggers, or says `invocable = false`")
        stub = project.stub(declared)
        given = stub.validate(sys.stdin.read() if payload == "-" else payload)
    with BaseSyncConductor.connect(plan=project.path, env=selection().env) as conductor:
        execution = SyncTaskInvoker(conductor, stub)(given, **options)
        if execution is None:
            say("throttled: nothing was enqueued")
            if as_json:
                put_json({"id": None, "task": task})
            return
        if not wait:
            _print_id(execution.id, task, as_json)
            return
        say(f"execution {execution.id}")
        # Asked for by its id alone the result is plain JSON, not an object of the task's model.
        result = conductor.execution(execution.id).result(timeout)
    if as_json:
        put_json({"id": str(execution.id), "task": task, "result": result})
    else:
        put_json(result)


def _print_id(execution_id: UUID, task: str, as_json: bool) -> None:
    if as_json:
        put_json({"id": str(execution_id), "task": task})
    else:
        put(str(execution_id))
