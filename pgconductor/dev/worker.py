"""A worker process of dev, from within. It warms itself up, waits for its orders, and serves.

python -m pgconductor.dev.worker FD

Importing all of this takes a third of a second and more. A spare process has that behind it when a file is saved.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from pgconductor.dev.channel import Message, WorkerEnd
from pgconductor.dev.frames import distinct, user_trace
from pgconductor.dev.freshness import import_fresh
from pgconductor.dev.records import Forwarder
from pgconductor.errors import ConductorError, DatabaseUnreachable, PlanError
from pgconductor.plan.model import Plan
from pgconductor.runtime.handlers import UnboundHandlers
from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.runtime.process import serve

REPORT_EVERY = 0.2

# What most generated packages and handlers import: paid while nobody waits.
WARM = ("email_validator", "pgconductor.client", "pgconductor.client.conductor", "pgconductor.api.events", "zoneinfo")


def main(fd: int) -> int:
    channel = WorkerEnd(fd)
    # Read by nobody's terminal: what a handler prints must come when it is printed.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    _warm_up()
    channel.send("warm")
    messages = deque(channel.receive())
    while not messages:
        messages.extend(channel.receive())
    order = messages.popleft()
    if order is None:
        return 0
    logging.basicConfig(handlers=[Forwarder(channel)], level=order["level"], force=True)
    import_fresh([Path(folder) for folder in order["fresh"]])
    try:
        return asyncio.run(_Service(channel, order).run(messages))
    except BaseException as error:  # a module that calls sys.exit() when it is imported included
        channel.send("failed", **_failure(error))
        return 1


def _warm_up() -> None:
    from importlib import import_module

    for module in WARM:
        with suppress(ImportError):
            import_module(module)


def _failure(error: BaseException) -> dict[str, Any]:
    causes = [error.__cause__] if error.__cause__ is not None else []
    if isinstance(error, UnboundHandlers):
        causes = [problem.cause for problem in error.problems if problem.kind == "import" and problem.cause is not None]
    if isinstance(error, ConductorError):
        message, traces = str(error), [user_trace(cause) for cause in causes]
    else:
        message, traces = f"{type(error).__name__} while the worker started", [user_trace(error)]
    unreachable = isinstance(error, DatabaseUnreachable)
    return {"message": message, "traces": [] if unreachable else list(distinct(traces)), "unreachable": unreachable}


class _Service:
    """An orchestrator that takes orders."""

    def __init__(self, channel: WorkerEnd, order: Message) -> None:
        self._channel = channel
        self._grace: float = order["grace"]
        self._paused: bool = order["paused"]
        self._orchestrator = Orchestrator(
            Plan.from_json(order["plan"]), Path(order["folder"]), queues=order["queues"], deps=None
        )
        self._ready = False
        self._told_to_stop = False
        self._said: Any = None
        self._pending: set[asyncio.Task[None]] = set()

    async def run(self, early: deque[Message | None]) -> int:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._channel.fileno(), self._read)
        for message in early:
            self._obey(message)
        reporting = loop.create_task(self._keep_reporting())
        try:
            code = await serve(
                self._orchestrator, on_started=self._started, on_signal=lambda: self._channel.send("heeding")
            )
        finally:
            reporting.cancel()
            if self._ready:
                self._report()
            loop.remove_reader(self._channel.fileno())
        return 0 if self._told_to_stop else code

    def _started(self) -> None:
        self._ready = True
        if self._paused:
            self._orchestrator.pause()
        self._channel.send("ready")

    def _read(self) -> None:
        for message in self._channel.receive():
            self._obey(message)

    def _obey(self, message: Message | None) -> None:
        if message is None:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            return self._stop(self._grace)
        match message["type"]:
            case "stop":
                self._stop(message["grace"])
            case "retune":
                self._later(self._retune(message["plan"]))
            case "pause":
                self._paused = message["paused"]
                if self._ready:
                    (self._orchestrator.pause if self._paused else self._orchestrator.resume)()
        return None

    def _stop(self, grace: float) -> None:
        self._told_to_stop = True
        if self._ready:
            self._orchestrator.pause()  # at once: from here on all that is enqueued is the next generation's
            self._channel.send("heeding")
            self._later(self._orchestrator.stop(grace))
        else:
            os.kill(os.getpid(), signal.SIGTERM)  # `serve` knows how to stop a start

    async def _retune(self, text: str) -> None:
        try:
            await self._orchestrator.retune(Plan.from_json(text))
        except PlanError as error:
            self._channel.send("retuned", refused=str(error))
        else:
            self._channel.send("retuned", refused=None)

    def _later(self, action: Any) -> None:
        task = asyncio.get_running_loop().create_task(action)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _keep_reporting(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY)
            if self._ready:
                self._report()

    def _report(self) -> None:
        queues = [_counts(worker) for worker in self._orchestrator.info().workers]
        if queues != self._said:
            self._said = queues
            self._channel.send("counts", queues=queues)


def _counts(worker: Any) -> dict[str, Any]:
    report = worker.report
    return {
        "queue": worker.queue,
        "running": worker.running,
        "buffered": worker.buffered,
        **{name: getattr(report, name) for name in ("completed", "failed", "retried", "cancelled", "released")},
    }


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
