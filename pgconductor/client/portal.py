"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any

from typing_extensions import TypeVar

from pgconductor.errors import ConductorError

T = TypeVar("T")


class Portal:
    """Runs coroutines for any number of threads, all in one loop: they share its pool and its statements."""

    def __init__(self) -> None:
        # psycopg cannot use the proactor loop that is Windows' default.
        self._loop = asyncio.SelectorEventLoop()
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pgconductor client", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns, or raises. An interrupt of the calling thread cancels it."""
        if os.getpid() != self._process:
            work.close()
            raise ConductorError(
                "the conductor was connected before this process was forked; connect one in each process"
            )
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Stop the loop and wait for the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
