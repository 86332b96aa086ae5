"""Where handlers run that cannot run on the event loop: threads, processes, or an executor of the user's."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import logging
import multiprocessing
import threading
from collections.abc import Callable
from concurrent import futures
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol

from pgconductor.api.context import AnyContext
from pgconductor.errors import BindingError
from pgconductor.plan.model import QueuePlan
from pgconductor.runtime.ending import returned
from pgconductor.runtime.handlers import Handler, load
from pgconductor.runtime.host import ThreadHost, in_other_loop
from pgconductor.runtime.journal import Journal
from pgconductor.runtime.outcome import Outcome, ProcessDied
from pgconductor.runtime.remote import Invocation, join_parent, raisable, run_remote

logger = logging.getLogger("pgconductor")


class Executor(Protocol):
    """Runs one handler at a time for each of a queue's slots."""

    async def call(self, handler: Handler, payload: Any, ctx: AnyContext, journal: Journal) -> Outcome:
        """How the handler's run ended; what it raised is raised.

        Cancelling the call asks the handler to stop, and kills it where that can be done.
        """
        ...

    def close(self) -> None:
        """Start nothing more, and do not wait."""
        ...


class Threads:
    """Sync handlers of the default executor. A thread cannot be killed: `ctx.cancelled` asks it to end.

    Not a ThreadPoolExecutor: there a handler that never ends would go on holding a place after its timeout, and keep
    the process from exiting after its shutdown.
    """

    def __init__(self, name: str) -> None:
        self._name = f"pgconductor {name}"
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._idle = 0
        self._closed = False

    async def call(self, handler: Handler, payload: Any, ctx: AnyContext, journal: Journal) -> Outcome:
        result = await self.run(_call_in_thread, handler, payload, ctx, journal)
        return returned(ctx, handler.task, result, journal.plan.size_limit)

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What a function returns, called in one of the threads."""
        future = asyncio.get_running_loop().create_future()
        # The caller's context variables, as asyncio.to_thread has it.
        run = partial(contextvars.copy_context().run, raisable, function, *args, **kwargs)
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                name = f"{self._name} {next(self._numbers)}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        self._jobs.put(partial(_fulfil, future, run))
        return await future

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._jobs.put(_nothing)

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            with self._lock:
                if self._closed:
                    return
                self._idle += 1


def _nothing() -> None:
    """The job that wakes an idle thread to its end."""


def _fulfil(future: asyncio.Future[Any], run: Callable[[], Any]) -> None:
    result, error = None, None
    try:
        result = run()
    except BaseException as raised:
        error = raised
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        future.get_loop().call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _call_in_thread(handler: Handler, payload: Any, ctx: AnyContext, journal: Journal) -> Any:
    if handler.is_async:
        return asyncio.run(in_other_loop(handler.function, payload, ctx, journal))
    ctx._host = ThreadHost(journal, lambda: ctx.cancelled)
    return handler.function(payload, ctx)


class Processes:
    """One process a slot, so that killing one (a timeout, a cancellation) or losing one (a crash) touches no other."""

    def __init__(self) -> None:
        self._free: list[futures.ProcessPoolExecutor] = []
        self._spawn = multiprocessing.get_context("spawn")

    async def call(self, handler: Handler, payload: Any, ctx: AnyContext, journal: Journal) -> Outcome:
        pool, future = self._submit(Invocation.of(handler, payload, ctx, journal))
        try:
            outcome = await asyncio.wrap_future(future)
        except (asyncio.CancelledError, futures.process.BrokenProcessPool) as error:
            _kill(pool)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise ProcessDied("the handler's process died") from None
        except BaseException:
            self._free.append(pool)
            raise
        self._free.append(pool)
        return outcome

    def _submit(self, invocation: Invocation) -> tuple[futures.ProcessPoolExecutor, futures.Future[Outcome]]:
        while True:
            pool = self._free.pop() if self._free else self._open()
            try:
                return pool, pool.submit(run_remote, invocation)
            except futures.process.BrokenProcessPool:
                _kill(pool)  # its process died while it had nothing to do: that is no attempt of anybody's

    def _open(self) -> futures.ProcessPoolExecutor:
        return futures.ProcessPoolExecutor(1, mp_context=self._spawn, initializer=join_parent)

    def close(self) -> None:
        while self._free:
            self._free.pop().shutdown(wait=False, cancel_futures=True)


def _kill(pool: futures.ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


class Foreign:
    """Any `concurrent.futures.Executor` that a factory of the user's returns: Dask, Ray, MPI."""

    def __init__(self, pool: futures.Executor) -> None:
        self._pool = pool

    async def call(self, handler: Handler, payload: Any, ctx: AnyContext, journal: Journal) -> Outcome:
        future = self._pool.submit(run_remote, Invocation.of(handler, payload, ctx, journal))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        # Not every executor knows `cancel_futures` (Dask's does not), and a stranger's may raise what it likes.
        try:
            self._pool.shutdown(wait=False)
        except Exception:
            logger.warning("the executor %s did not shut down", type(self._pool).__name__, exc_info=True)


def open_executor(queue: QueuePlan) -> Executor:
    """The executor of a queue; `async` queues get threads for their sync handlers.

    Raises:
        BindingError: the factory is missing, fails, or does not return an executor.
    """
    if queue.executor in ("async", "thread"):
        return Threads(queue.name)
    if queue.executor == "process":
        return Processes()
    try:
        pool = load(queue.executor)()
    except Exception as error:
        raise BindingError(f"queue `{queue.name}`: executor `{queue.executor}` failed: {error}") from error
    if not callable(getattr(pool, "submit", None)) or not callable(getattr(pool, "shutdown", None)):
        raise BindingError(
            f"queue `{queue.name}`: `{queue.executor}` must return a concurrent.futures.Executor, "
            f"not {type(pool).__name__}"
        )
    return Foreign(pool)
