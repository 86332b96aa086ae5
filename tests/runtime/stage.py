"""A stage for handlers: an orchestrator in the test's own loop, over tasks that the test defines where it uses them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from pgconductor.plan.model import Plan, TaskPlan
from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.runtime.worker import Worker
from tests.app import inline
from tests.observer import Observer
from tests.plans import PACKAGE, make_plan, task

F = TypeVar("F", bound=Callable[..., Any])

ROOT = Path(__file__).parents[2]
ENDED = ("completed", "failed", "cancelled")


class Stage:
    """Tasks, the database they run on, and what became of their executions."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.tasks: list[TaskPlan] = []
        self._observer: Observer | None = None

    def task(self, **changes: Any) -> Callable[[F], F]:
        """Make a function the handler of a task of its name, which has one attempt unless `retry` says otherwise."""

        def register(function: F) -> F:
            name = function.__name__
            setattr(inline.handlers, name, function)
            retry = {"max_attempts": 1, **changes.pop("retry", {})}
            self.tasks.append(task(name, handler=f"{PACKAGE}.inline:handlers.{name}", retry=retry, **changes))
            return function

        return register

    def plan(self, **queue: Any) -> Plan:
        """Of the tasks so far; `queue` changes the queue `default`."""
        return make_plan(*self.tasks, queues={"default": queue})

    @asynccontextmanager
    async def running(self, *, url: str | None = None, **queue: Any) -> AsyncIterator[Orchestrator]:
        """The tasks so far, served in this loop until the block ends."""
        orchestrator = Orchestrator(self.plan(**queue), ROOT, url=url or self.dsn)
        async with orchestrator:
            yield orchestrator

    async def drained(self, **queue: Any) -> Orchestrator:
        """Run everything that is runnable now."""
        orchestrator = Orchestrator(self.plan(**queue), ROOT, url=self.dsn)
        await orchestrator.start()
        async with asyncio.timeout(30):
            await orchestrator.drain()
        return orchestrator

    @property
    def observer(self) -> Observer:
        if self._observer is None:
            self._observer = Observer(self.dsn)
        return self._observer

    async def until(self, done: Callable[[], Any], seconds: float = 10) -> float:
        """Let the loop turn until `done`. Returns how long it took."""
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < seconds, f"not within {seconds} s; now {self.observer.counts()}"
            await asyncio.sleep(0.005)
        return time.monotonic() - began

    async def ended(self, id: UUID, seconds: float = 10) -> dict[str, Any]:
        """The row of an execution once it has ended."""
        await self.until(lambda: self.observer.state(id) in ENDED, seconds)
        return self.observer.row(id)

    def close(self) -> None:
        inline.handlers.__dict__.clear()
        if self._observer is not None:
            self._observer.connection.close()


def worker_of(orchestrator: Orchestrator) -> Worker:
    """The only worker of an orchestrator."""
    (worker,) = orchestrator._workers.values()
    return worker
