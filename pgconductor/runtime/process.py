"""A worker process: an orchestrator from its start to its end, with signals."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable

from pgconductor.runtime.orchestrator import Orchestrator

# Set for the children of a supervisor: a pipe that closes when it dies, however it dies.
SUPERVISOR_PIPE = "PGCONDUCTOR_SUPERVISOR_PIPE"
INTERRUPTED = 130


async def serve(
    orchestrator: Orchestrator,
    *,
    drain: bool = False,
    on_started: Callable[[], None] | None = None,
    on_signal: Callable[[], None] | None = None,
) -> int:
    """Run until a signal stops it, or with `drain` until nothing is runnable.

    The first SIGTERM or SIGINT lets running work end within each queue's `drain_timeout`; the second stops it at once.
    Either way what did not end is given back and costs no attempt.

    Returns:
        The exit code: 0, 130 after SIGINT, or 1 if it stopped though nobody asked it to and it was not drained.
    """
    signals = _Signals(orchestrator, on_signal)
    signals.install()
    if not await signals.started():
        return signals.exit_code
    freeze_startup()
    if on_started is not None:
        on_started()
    is_drained = False
    try:
        if drain:
            is_drained = await orchestrator.drain()
        await orchestrator.stopped()
    finally:
        await orchestrator.stop()
    return signals.exit_code if is_drained or signals.received else 1


def freeze_startup() -> None:
    """Keep the garbage collector from walking, again and again, all that the start of a process left for good.

    Modules, models and plans are some 200,000 objects; every full collection while executions come and go visits them:
    12 % of the CPU of a worker that runs workflows of three steps. What remains dies young and without cycles, so
    looking for these every 10,000 objects instead of every 700 is another 12 %.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


class _Signals:
    def __init__(self, orchestrator: Orchestrator, on_signal: Callable[[], None] | None) -> None:
        self._orchestrator = orchestrator
        self._on_signal = on_signal
        self._starting: asyncio.Task[None] | None = None
        self._stops: list[asyncio.Task[None]] = []
        self._early = False
        self.received = False
        self.exit_code = 0

    def install(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, 0)
        loop.add_signal_handler(signal.SIGINT, self._stop, INTERRUPTED)
        if pipe := os.environ.get(SUPERVISOR_PIPE):
            loop.add_reader(int(pipe), self._orphaned, int(pipe))

    async def started(self) -> bool:
        """Start the orchestrator; False if a signal came first: nothing was claimed then."""
        self._starting = asyncio.get_running_loop().create_task(self._orchestrator.start())
        try:
            await self._starting
        except asyncio.CancelledError:
            if self._early:
                return False
            raise
        return True

    def _stop(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.received = True
        if self._on_signal is not None:
            self._on_signal()
        if self._starting is not None and not self._starting.done():
            if not self._early:  # a second would disturb the tidying up
                self._early = True
                self._starting.cancel()
            return
        grace = 0.0 if self._stops else None
        self._stops.append(asyncio.get_running_loop().create_task(self._orchestrator.stop(grace)))

    def _orphaned(self, pipe: int) -> None:
        asyncio.get_running_loop().remove_reader(pipe)
        self._stop(0)
