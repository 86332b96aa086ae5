"""`pgconductor run`."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import click

from pgconductor.cli.logs import configure_logs
from pgconductor.cli.output import is_terminal, say
from pgconductor.cli.project import Project, open_project
from pgconductor.cli.selection import select_plan, selection
from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.runtime.process import serve
from pgconductor.runtime.supervisor import Supervisor, assignments
from pgconductor.store.backlog import Backlog

if TYPE_CHECKING:
    from pgconductor.cli.display import DrainBar

logger = logging.getLogger("pgconductor")

LEVELS = ("debug", "info", "warning", "error")


@click.command()
@click.option("--queue", "queues", metavar="QUEUE", multiple=True, help="Serve this queue; several may be given.")
@click.option("--drain", is_flag=True, help="End when nothing is runnable any more.")
@click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(min=1),
    help="So many worker processes under one; by default what each queue's `processes` says.",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), help="One line an event, on a terminal too.")
@click.option("--log-level", type=click.Choice(LEVELS), help="By default info; warning below live lines.")
@select_plan
def command(
    queues: tuple[str, ...], drain: bool, processes: int | None, log_format: str | None, log_level: str | None
) -> int:
    """Execute tasks until told to stop, or until nothing is left.

    Reads plan.json alone. What the database lacks for the plan is created, unless [database] says `apply = "verify"`;
    nothing is ever taken away.

    The first SIGTERM or Ctrl-C lets running work end within each queue's drain_timeout; the second stops it at once.
    Either way what did not end is given back and costs no attempt.
    """
    project = open_project()
    served = _served(project, queues)
    shares = assignments(project.plan, served, processes)
    if len(shares) > 1:
        configure_logs(format=log_format or "text", level=log_level or "info")
        return _supervise(project, shares, _child_options(drain, log_format, log_level))
    orchestrator = Orchestrator(project.plan, project.folder, queues=served)
    if log_format is None and is_terminal(sys.stderr):
        return asyncio.run(_serve_on_screen(project, orchestrator, served, drain, log_level or "warning"))
    configure_logs(format=log_format or "text", level=log_level or "info")
    return asyncio.run(_serve(orchestrator, drain))


def _served(project: Project, queues: tuple[str, ...]) -> list[str]:
    declared = sorted(project.plan.queues)
    for queue in queues:
        if queue not in declared:
            raise click.UsageError(f"no queue `{queue}` in the plan; declared: {', '.join(declared)}")
    with_handlers = {task.queue for task in project.plan.tasks.values() if task.handler}
    return [queue for queue in declared if queue in (queues or with_handlers)]


def _child_options(drain: bool, log_format: str | None, log_level: str | None) -> list[str]:
    options = ["--log-format", log_format or "text", "--log-level", log_level or "info"]
    return [*options, "--drain"] if drain else options


def _supervise(project: Project, shares: list[list[str]], options: list[str]) -> int:
    env = selection().env
    base = [sys.executable, "-P", "-m", "pgconductor", "run", "--processes", "1", "--plan", str(project.path), *options]
    base += ["--env", env] if env else []
    commands = [[*base, *(word for queue in share for word in ("--queue", queue))] for share in shares]
    # The embedded server stays up while a process is being restarted.
    with project.endpoint():
        return Supervisor(commands).run()


async def _serve(orchestrator: Orchestrator, drain: bool) -> int:
    ending = Ending(drain)

    def announce() -> None:
        queues = ", ".join(worker.queue for worker in orchestrator.info().workers)
        logger.info("serving %s", queues or "no queue: no task has a handler")

    code = await serve(orchestrator, drain=drain, on_started=announce, on_signal=ending.cut_short)
    logger.info("%s", ending.summary(orchestrator))
    return code


async def _serve_on_screen(
    project: Project, orchestrator: Orchestrator, queues: list[str], drain: bool, level: str
) -> int:
    from pgconductor.cli.display import ConsoleHandler, DrainBar, QueueLines, Screen

    ending = Ending(drain)
    with ExitStack() as resources:
        if drain:
            endpoint = resources.enter_context(project.endpoint())
            backlog = resources.enter_context(Backlog(endpoint.url, project.plan.schema_name, queues))
            bar = DrainBar(orchestrator.info, backlog.count)
            screen = resources.enter_context(Screen(bar))
        else:
            limits = {queue: project.plan.queues[queue].worker_concurrency for queue in queues}
            bar = None
            screen = resources.enter_context(Screen(QueueLines(orchestrator.info, limits)))
        configure_logs(ConsoleHandler(screen.console), level=level)
        drawing = asyncio.create_task(screen.keep_drawing())
        try:
            code = await _serve_counting(orchestrator, bar, ending)
        finally:
            drawing.cancel()
        if bar is not None and ending.drained:
            bar.finish()
    say(ending.summary(orchestrator))
    return code


async def _serve_counting(orchestrator: Orchestrator, bar: DrainBar | None, ending: Ending) -> int:
    """Serve; with a bar drain, and keep it informed of what is left."""
    if bar is None:
        return await serve(orchestrator, on_signal=ending.cut_short)
    counting: list[asyncio.Task[None]] = []
    try:
        return await serve(
            orchestrator,
            drain=True,
            on_started=lambda: counting.append(asyncio.create_task(bar.keep_counting())),
            on_signal=ending.cut_short,
        )
    finally:
        for task in counting:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class Ending:
    """How a run came to its end, for the last line that it says.

    Attributes:
        drained: nothing was left to do, and no signal came before.
    """

    def __init__(self, drain: bool) -> None:
        self.drained = drain
        self._started = time.monotonic()

    def cut_short(self) -> None:
        """A signal came."""
        self.drained = False

    def summary(self, orchestrator: Orchestrator) -> str:
        reports = [worker.report for worker in orchestrator.info().workers]
        counts = {
            name: sum(getattr(report, name) for report in reports)
            for name in ("completed", "failed", "retried", "cancelled", "released", "lost")
        }
        said = [f"{count:,} {name}" for name, count in counts.items() if count or name == "completed"]
        seconds = time.monotonic() - self._started
        return f"{'drained' if self.drained else 'stopped'}: {', '.join(said)} in {seconds:.1f} s"
