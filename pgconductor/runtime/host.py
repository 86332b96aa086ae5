"""Hosts: how the durable calls of a handler reach the journal, from its loop, from another loop, or from a thread."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Protocol, TypeVar

from pgconductor.api.context import AnyContext
from pgconductor.api.drive import drive
from pgconductor.api.host import Expired
from pgconductor.api.interrupt import Released, Stopped
from pgconductor.api.task import Task
from pgconductor.client.items import ItemMaker
from pgconductor.errors import ValidationError
from pgconductor.runtime.journal import Journal
from pgconductor.store.emission import emit_query
from pgconductor.store.enqueue import Item
from pgconductor.store.query import AnyAsyncConnection, Query, run, run_blocking
from pgconductor.store.records import Kind, Progress, StepResult
from pgconductor.store.steps import Unsaved, save_query

T = TypeVar("T")

# A branch that parks looks this often whether its siblings are done with their steps.
PAUSE = 0.005


class Threads(Protocol):
    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any: ...


class StepThreads:
    """The threads of a loop that ends with its handler."""

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(function, *args, **kwargs)


class _Host:
    """What hosts of all kinds do alike: all that needs no waiting."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._makers: dict[str, ItemMaker[Any]] = {}

    @property
    def size_limit(self) -> int:
        return self.journal.plan.size_limit

    @property
    def stopping(self) -> bool:
        return self.journal.stopping

    def children(
        self, task: Task[Any, Any], payloads: Iterable[Any], options: Mapping[str, Any], *, patient: bool
    ) -> list[Item]:
        declared = self.journal.plan.tasks.get(task.name)
        maker = self._makers.get(task.name)
        if maker is None or maker.plan is not declared:  # else the plan was retuned
            if declared is None or declared.key != task.key:
                raise ValidationError(f"the plan has no task `{task.name}`; run `pgconductor generate`")
            if declared.handler is None and patient:
                raise ValidationError(
                    f"task `{task.name}` has no handler in this plan, so the parent might wait for ever: declare its "
                    "handler, or give a `timeout`"
                )
            maker = ItemMaker(task, declared, self.journal.plan.size_limit)
            if declared.handler is not None:
                self._makers[task.name] = maker
        return maker.many(payloads, options)

    def _save_query(self, kind: Kind, step: StepResult) -> Query:
        journal = self.journal
        return save_query(journal.plan.schema_name, journal.queue.name, journal.worker, kind, [step])

    def _check(self, rows: list[tuple[Any, ...]], step: StepResult) -> None:
        """Commit only what is ours: raised within the transaction, this rolls it back."""
        for _, lease, reason in rows:
            if not self.journal.saved(Unsaved(step.id, lease, reason)):
                raise Released

    def _emit_query(self, event: str, payload: bytes) -> Query:
        return emit_query(self.journal.plan.schema_name, event, payload)


class LoopHost(_Host):
    """For handlers on the journal's own loop; one serves all of a worker.

    Args:
        threads: where sync functions of steps run.
        slots: the tasks that handlers run in; any other is a branch.
    """

    def __init__(self, journal: Journal, threads: Threads, slots: Collection[asyncio.Task[None]]) -> None:
        super().__init__(journal)
        self._threads = threads
        self._slots = slots

    def in_branch(self) -> bool:
        return asyncio.current_task() not in self._slots

    def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], is_async: bool
    ) -> Coroutine[Any, Any, Any]:
        if is_async:
            work: Coroutine[Any, Any, Any] = function(*args, **kwargs)
            return work
        return self._run_in_thread(function, args, kwargs)

    async def _run_in_thread(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        value = await self._threads.run(function, *args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await work
        except TimeoutError:
            if limit.expired():
                raise Expired from None
            raise

    async def breathe(self) -> None:
        await asyncio.sleep(0)

    async def pause(self) -> None:
        await asyncio.sleep(PAUSE)

    def save(self, step: StepResult) -> Awaitable[None]:
        return self.journal.save(step)

    async def transact(
        self,
        kind: Kind,
        step: StepResult,
        body: Callable[[Any], Any],
        encode: Callable[[Any], bytes],
        seconds: float | None,
    ) -> Any:
        async with self._begin(step) as connection:
            started = time.perf_counter()
            value = await self._body(body, connection, seconds)
            done = step._replace(result=encode(value), took=_since(started))
            self._check((await run(connection, [self._save_query(kind, done)]))[0], step)
        return value

    def _begin(self, step: StepResult) -> AbstractAsyncContextManager[AnyAsyncConnection]:
        return self.journal.begin(step)

    async def _body(self, body: Callable[[Any], Any], connection: Any, seconds: float | None) -> Any:
        """Only this is limited: cancelling a commit would leave open whether it happened."""
        work = body(connection)
        return await (work if seconds is None else self.within(seconds, work))

    async def emit(self, connection: Any, event: str, payload: bytes) -> None:
        await run(connection, [self._emit_query(event, payload)])

    def report(self, progress: Progress) -> None:
        self.journal.report(progress)


class OtherLoopHost(LoopHost):
    """For an async handler that runs in a loop of its own, in a thread. Made within that loop, by its first task."""

    def __init__(self, journal: Journal) -> None:
        task: Any = asyncio.current_task()
        super().__init__(journal, StepThreads(), frozenset([task]))

    def save(self, step: StepResult) -> Awaitable[None]:
        return self._home(self.journal.saved_step(step))

    def _begin(self, step: StepResult) -> AbstractAsyncContextManager[AnyAsyncConnection]:
        # The handler's own code must not leave its loop, so the connection comes here.
        return self.journal.begin_here(step)

    def report(self, progress: Progress) -> None:
        self.journal.loop.call_soon_threadsafe(self.journal.report, progress)

    def _check(self, rows: list[tuple[Any, ...]], step: StepResult) -> None:
        for _, lease, reason in rows:
            if reason is None:
                raise Released
            self.journal.loop.call_soon_threadsafe(self.journal.saved, Unsaved(step.id, lease, reason))

    async def _home(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(_sent(work, self.journal.loop))


def _sent(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> Future[T]:
    """Have `work` run in the worker's loop.

    Raises:
        Released: the worker has ended, and this thread of its has outlived it.
    """
    try:
        return asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError:
        work.close()
        raise Released from None


class ThreadHost(_Host):
    """For a sync handler in a thread: everything blocks it.

    Args:
        asked_to_stop: whether the handler was.
    """

    def __init__(self, journal: Journal, asked_to_stop: Callable[[], bool]) -> None:
        super().__init__(journal)
        self._asked_to_stop = asked_to_stop
        self._thread = threading.local()

    def in_branch(self) -> bool:
        return False

    async def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], is_async: bool
    ) -> Any:
        self._stop_if_asked()
        value = function(*args, **kwargs)
        return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """In a thread of its own, which is left behind when it takes longer: a thread cannot be stopped."""
        future: Future[T] = Future()
        run = partial(contextvars.copy_context().run, self._fulfil, future, work)
        threading.Thread(target=run, name="pgconductor step", daemon=True).start()
        try:
            return future.result(seconds)
        except TimeoutError:
            if future.cancel():
                raise Expired from None
            return future.result()  # it ends at this moment, or the TimeoutError is its own

    async def breathe(self) -> None:
        self._stop_if_asked()

    async def pause(self) -> None:
        time.sleep(PAUSE)  # noqa: ASYNC251  # this host blocks its handler's thread

    async def save(self, step: StepResult) -> None:
        _sent(self.journal.saved_step(step), self.journal.loop).result()
        self._stop_if_asked()

    async def transact(
        self,
        kind: Kind,
        step: StepResult,
        body: Callable[[Any], Any],
        encode: Callable[[Any], bytes],
        seconds: float | None,
    ) -> Any:
        self._stop_if_asked()
        work = self._transact(kind, step, body, encode)
        value = await (work if seconds is None else self.within(seconds, work))
        self._stop_if_asked()
        return value

    async def _transact(
        self, kind: Kind, step: StepResult, body: Callable[[Any], Any], encode: Callable[[Any], bytes]
    ) -> Any:
        started = time.perf_counter()
        with self.journal.begin_blocking(step) as connection:
            value = body(connection)
            if inspect.iscoroutine(value):  # the emit of this host, or a function that should have been sync
                value = drive(value)
            done = step._replace(result=encode(value), took=_since(started))
            for _, lease, reason in run_blocking(connection, [self._save_query(kind, done)])[0]:
                if reason is None:
                    raise Released
                self.journal.loop.call_soon_threadsafe(self.journal.saved, Unsaved(step.id, lease, reason))
            self._end_in_time()
        return value

    async def emit(self, connection: Any, event: str, payload: bytes) -> None:
        run_blocking(connection, [self._emit_query(event, payload)])

    def report(self, progress: Progress) -> None:
        self.journal.loop.call_soon_threadsafe(self.journal.report, progress)

    def _fulfil(self, future: Future[Any], work: Coroutine[Any, Any, Any]) -> None:
        self._thread.future = future
        result, error = None, None
        try:
            result = drive(work)
        except BaseException as raised:
            error = raised
        if future.cancelled() or not (future.running() or future.set_running_or_notify_cancel()):
            return  # nobody waits any more
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _end_in_time(self) -> None:
        """In a thread that `within` began: from here on it is waited for. Raises Expired if it is not any more."""
        future: Future[Any] | None = getattr(self._thread, "future", None)
        if future is not None and not future.set_running_or_notify_cancel():
            raise Expired

    def _stop_if_asked(self) -> None:
        if self._asked_to_stop():
            raise Stopped


async def in_other_loop(function: Callable[..., Any], payload: Any, ctx: AnyContext, journal: Journal) -> Any:
    """Run an async handler in a loop that is not the journal's."""
    ctx._host = OtherLoopHost(journal)
    return await function(payload, ctx)


def _since(started: float) -> int:
    return int((time.perf_counter() - started) * 1e6)


async def _awaited(value: Any) -> Any:
    return await value
