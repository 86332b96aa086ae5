"""A handler's call in another process: everything it needs, as text that any worker of any executor can take."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from pgconductor.api.context import AnyContext, Context, SyncContext
from pgconductor.api.interrupt import interrupt_of
from pgconductor.api.task import Task
from pgconductor.client.portal import Portal
from pgconductor.runtime.deps import process_deps
from pgconductor.runtime.ending import left, notes, raised, returned
from pgconductor.runtime.failure import Described
from pgconductor.runtime.handlers import load
from pgconductor.runtime.host import ThreadHost, in_other_loop
from pgconductor.runtime.journal import Journal
from pgconductor.runtime.outcome import Failed, Outcome
from pgconductor.store.records import Recorded

if TYPE_CHECKING:
    from pgconductor.plan.model import Plan
    from pgconductor.runtime.handlers import Handler


T = TypeVar("T")


@dataclass(frozen=True)
class Invocation:
    """One call, free of references to this process. The payload travels as JSON, and so does the result.

    Attributes:
        plan: pickled; of its queues only the execution's own.
        url, worker: where and under what durable calls are recorded.
    """

    plan: bytes
    task: str
    handler: str
    payload: str
    execution_id: bytes
    lease: int
    queue: str
    attempt: int
    recorded: tuple[Recorded, ...]
    url: str
    worker: int
    path: tuple[str, ...]

    @classmethod
    def of(cls, handler: Handler, payload: Any, ctx: AnyContext, journal: Journal) -> Invocation:
        assert handler.plan.handler is not None
        return cls(
            plan=_pickled(journal),
            task=handler.plan.name,
            handler=handler.plan.handler,
            payload=handler.task.encode(payload).decode(),
            execution_id=ctx._id,
            lease=ctx._lease,
            queue=ctx.queue,
            attempt=ctx.attempt,
            recorded=ctx._recorded,
            url=journal.url,
            worker=journal.worker,
            path=tuple(sys.path),
        )


_pickles: WeakKeyDictionary[Journal, tuple[Plan, bytes]] = WeakKeyDictionary()


def _pickled(journal: Journal) -> bytes:
    plan, pickled = _pickles.get(journal, (None, b""))
    if plan is not journal.plan:
        queue = journal.queue
        slim = journal.plan.model_copy(update={"queues": {queue.name: queue}, "migrations": (), "environments": {}})
        pickled = pickle.dumps(slim)
        _pickles[journal] = journal.plan, pickled
    return pickled


def join_parent() -> None:
    """What a process of ours does first: it ends when its parent does, even by kill -9, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_after, args=(parent.sentinel,), name="pgconductor parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def run_remote(invocation: Invocation) -> Outcome:
    """Call the handler here and return how its run ended.

    Raises:
        Described: in place of an exception that would not survive the way back.
    """
    try:
        return raisable(_call, invocation)
    except BaseException as error:
        if _can_travel(error):
            raise
        raise Described.of(error) from None


def raisable(function: Callable[..., T], *arguments: Any) -> T:
    """Call it, and let nothing out that means something else to whoever awaits the result.

    StopIteration cannot be raised into a future: until Python 3.12 who waits for it waits for ever. GeneratorExit would
    close the coroutines that wait.
    """
    try:
        return function(*arguments)
    except (StopIteration, GeneratorExit) as error:
        raise RuntimeError(f"the handler raised {type(error).__name__}") from error


def _can_travel(error: BaseException) -> bool:
    """An exception whose constructor takes other arguments than it hands on can be pickled, but not unpickled."""
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except BaseException:
        return False


def _call(invocation: Invocation) -> Outcome:
    sys.path.extend(entry for entry in invocation.path if entry not in sys.path)
    plan = _plan(invocation.plan)
    task: Task[Any, Any] = getattr(importlib.import_module(f"{plan.package}.tasks"), invocation.task)
    function = load(invocation.handler)
    is_async = inspect.iscoroutinefunction(function)
    ctx: AnyContext = (Context if is_async else SyncContext)(
        invocation.execution_id,
        task.key,
        invocation.queue,
        invocation.attempt,
        process_deps(plan.context),
        lease=invocation.lease,
        recorded=invocation.recorded,
        step_timeout_ms=plan.tasks[invocation.task].step_timeout_ms,
    )
    journal = _journal(invocation)
    payload = task.decode(invocation.payload)
    try:
        if is_async:
            result = asyncio.run(in_other_loop(function, payload, ctx, journal))
        else:
            ctx._host = ThreadHost(journal, lambda: ctx.cancelled)
            result = function(payload, ctx)
        outcome = returned(ctx, task, result, plan.size_limit)
    except BaseException as error:
        interrupt = interrupt_of(error)
        outcome = raised(ctx, error) if interrupt is None else left(ctx, interrupt, None)
    if isinstance(outcome, Failed):
        raise outcome.error
    if ctx._replay is not None:
        for note in notes(ctx._replay, ctx._id, ctx._lease):
            asyncio.run_coroutine_threadsafe(journal.note(note), journal.loop).result()
    return outcome


@cache
def _plan(pickled: bytes) -> Plan:
    plan: Plan = pickle.loads(pickled)
    return plan


_journals: dict[tuple[str, int], Journal] = {}
_making = threading.Lock()


def _journal(invocation: Invocation) -> Journal:
    """The journal of a worker in this process, in a loop of its own. It connects when the first step is saved."""
    key = (invocation.url, invocation.worker)
    with _making:
        if key not in _journals:
            _journals[key] = Portal().call(_open_journal(invocation))
        journal, plan = _journals[key], _plan(invocation.plan)
        if journal.plan is not plan:
            journal.retune(plan, plan.queues[invocation.queue])
        return journal


async def _open_journal(invocation: Invocation) -> Journal:
    plan = _plan(invocation.plan)
    return Journal(invocation.url, plan, plan.queues[invocation.queue], invocation.worker, _leave_to_worker)


def _leave_to_worker(id: bytes, lease: int, reason: str) -> None:
    """The worker itself looks twice a second which executions were asked to stop, and kills this process."""
