"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from typing_extensions import TypeVar

from pgconductor.errors import ConductorError

T = TypeVar("T")


class Portal:
    """Runs coroutines for any number of threads, all in one loop: they share its pool and its statements."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._sending = threading.Lock()
        self._closed = False
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Event
        self._thread = threading.Thread(target=self._run, name="pgconductor client", daemon=True)
        self._thread.start()
        self._started.wait()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns, or raises. An interrupt of the calling thread cancels it."""
        if os.getpid() != self._process:
            work.close()
            raise ConductorError(
                "the conductor was connected before this process was forked; connect one in each process"
            )
        future = self._send(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def await_here(self, work: Coroutine[Any, Any, T]) -> T:
        """The same for a caller in a loop of its own, which goes on meanwhile."""
        return await asyncio.wrap_future(self._send(work))

    def close(self) -> None:
        """Stop the loop and wait for the thread."""
        with self._sending:
            self._closed = True
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _send(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        # A loop that is about to be closed takes everything, and does nothing of it.
        with self._sending:
            if not self._closed:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise ConductorError("the conductor was closed")

    def _run(self) -> None:
        # psycopg cannot use the proactor loop that is Windows' default.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._started.set()
        await self._ended.wait()
