"""One handler, run here and now: no database, no worker.

It is replayed as on a worker: each sleep, child and event ends the run, and the next one finds its answer recorded. So
what is tested is what happens, plain code between durable calls running again included.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pgconductor.api.context import AnyContext, Context, SyncContext
from pgconductor.api.event import Event
from pgconductor.api.interrupt import interrupt_of
from pgconductor.api.task import Task
from pgconductor.errors import BindingError, ReplayError
from pgconductor.plan.model import Plan
from pgconductor.runtime.ending import left, raised, returned
from pgconductor.runtime.handlers import Handler, bind_one
from pgconductor.runtime.outcome import Completed, Failed, Outcome, Parked
from pgconductor.store.uuid7 import uuid7_bytes
from pgconductor.testing.memory import Call, Memory, MemoryLoopHost, MemoryThreadHost

P = TypeVar("P")
R = TypeVar("R")

Children = Mapping[Task[Any, Any] | str, Any]
Events = Mapping[Event[Any] | str, Any]


@dataclass(frozen=True)
class Run(Generic[R]):
    """A handler's run to its end.

    Attributes:
        result: what the handler returned, as it comes back from the database.
        calls: its durable calls in the order they were made.
    """

    result: R
    calls: tuple[Call, ...]

    def __getitem__(self, name: str) -> Call:
        """The durable call with this name. Raises KeyError."""
        return {call.name: call for call in self.calls}[name]

    @property
    def names(self) -> list[str]:
        """The names of the durable calls."""
        return [call.name for call in self.calls]


async def run_handler(
    task: Task[P, R],
    payload: P,
    *,
    children: Children | None = None,
    events: Events | None = None,
    deps: Any = None,
    connection: Any = None,
    attempt: int = 1,
) -> Run[R]:
    """Run the handler of a task to its end, its steps for real, everything that it waits for answered.

    Args:
        children: results by task, task's name, or name of the call; a function takes the child's payload and returns
            one. An exception makes the child fail with it, `ChildTimeout` makes the wait for it time out.
        events: payloads by event, event's name, or name of the call; a function takes the `where` and returns one.
            `WaitTimeout` makes the wait time out.
        deps: `ctx.deps`.
        connection: what the functions of `ctx.transaction` get.
        attempt: `ctx.attempt`.

    Returns:
        The result, and the durable calls that were made.

    Raises:
        ReplayError: the handler broke the rules of durable calls, or made others when it was replayed.
        ValidationError: the payload, a step's value or the result is refused.
        LookupError: it waits for a child or an event without an answer.
        Exception: whatever the handler raises. No attempt is made again.

    Example:
        >>> run = await run_handler(tasks.order, payload, children={tasks.ship: Shipped("X1")})  # doctest: +SKIP
        >>> assert run.result.parcel == "X1"  # doctest: +SKIP
        >>> assert run.names == ["charge", "ship", "receipt tomorrow"]  # doctest: +SKIP
    """
    rehearsal = _Rehearsal(task, payload, children, events, deps, connection, attempt)
    if not rehearsal.handler.is_async:
        return await asyncio.to_thread(rehearsal.run_sync)
    return await rehearsal.run()


def run_handler_sync(
    task: Task[P, R],
    payload: P,
    *,
    children: Children | None = None,
    events: Events | None = None,
    deps: Any = None,
    connection: Any = None,
    attempt: int = 1,
) -> Run[R]:
    """As `run_handler`, without await; an async handler gets an event loop of its own."""
    rehearsal = _Rehearsal(task, payload, children, events, deps, connection, attempt)
    return asyncio.run(rehearsal.run()) if rehearsal.handler.is_async else rehearsal.run_sync()


class _Rehearsal(Generic[P, R]):
    def __init__(
        self,
        task: Task[P, R],
        payload: P,
        children: Children | None,
        events: Events | None,
        deps: Any,
        connection: Any,
        attempt: int,
    ) -> None:
        plan = _plan_of(task)
        self.handler: Handler = bind_one(plan.tasks[task.name], task)
        self._task = task
        self._payload = task.encode(payload)
        self._memory = Memory(plan, _by_name(children), _by_name(events), connection)
        self._deps = deps
        self._attempt = attempt
        self._id = uuid7_bytes(1)[0]

    async def run(self) -> Run[R]:
        current = asyncio.current_task()
        assert current is not None
        host = MemoryLoopHost(self._memory, current)
        while True:
            ctx = self._context(host)
            try:
                value = await self.handler.function(self._task.decode(self._payload), ctx)
                outcome = returned(ctx, self._task, value, self._memory.plan.size_limit)
            except BaseException as error:
                outcome = self._after(ctx, error)
            if (run := self._ended(ctx, outcome)) is not None:
                return run

    def run_sync(self) -> Run[R]:
        host = MemoryThreadHost(self._memory)
        while True:
            ctx = self._context(host)
            try:
                value = self.handler.function(self._task.decode(self._payload), ctx)
                outcome = returned(ctx, self._task, value, self._memory.plan.size_limit)
            except BaseException as error:
                outcome = self._after(ctx, error)
            if (run := self._ended(ctx, outcome)) is not None:
                return run

    def _context(self, host: Any) -> Any:
        plan = self.handler.plan
        return (Context if self.handler.is_async else SyncContext)(
            self._id,
            plan.key,
            plan.queue,
            self._attempt,
            self._deps,
            lease=1,
            recorded=tuple(self._memory.recorded.values()),
            host=host,
            step_timeout_ms=plan.step_timeout_ms,
        )

    def _after(self, ctx: AnyContext, error: BaseException) -> Outcome:
        interrupt = interrupt_of(error)
        return raised(ctx, error) if interrupt is None else left(ctx, interrupt, None)

    def _ended(self, ctx: AnyContext, outcome: Outcome) -> Run[R] | None:
        """The run, once the handler has returned; None: what it waits for is answered, replay it."""
        if isinstance(outcome, Parked):
            self._memory.answer(outcome.waits)
            return None
        if isinstance(outcome, Failed):
            error = outcome.error
            error.add_note(f"durable calls made before: {', '.join(self._memory.made) or 'none'}")
            raise error
        assert isinstance(outcome, Completed), outcome
        if ctx._replay is not None and (changes := ctx._replay.changes()):
            said = ", ".join(f"`{change['step']}` {change['change']}" for change in changes)
            raise ReplayError(
                f"the handler made other durable calls when it was replayed ({said}): let what decides about them come "
                "from the payload or from a step"
            )
        return Run(self._task.decode_result(outcome.result), tuple(self._memory.made.values()))


def _by_name(answers: Mapping[Any, Any] | None) -> dict[str, Any]:
    return {key if isinstance(key, str) else key.name: answer for key, answer in (answers or {}).items()}


def _plan_of(task: Task[Any, Any]) -> Plan:
    """The plan beside the generated module that the task is from: it has been imported, or there were no task."""
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(task.name) is task and getattr(module, "__file__", None):
            path = Path(str(module.__file__)).with_name("plan.json")
            if path.is_file():
                plan = Plan.load(path)
                if task.name in plan.tasks:
                    return plan
    raise BindingError(f"task `{task.name}` is not of a generated package; take it from module `tasks` of yours")
