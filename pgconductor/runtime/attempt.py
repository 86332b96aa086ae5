"""One attempt at one execution: decode the payload, call the handler, encode the result; and how it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Coroutine
from typing import Any

from pgconductor.api.context import AnyContext
from pgconductor.api.interrupt import interrupt_of
from pgconductor.runtime.ending import left, notes, raised, returned
from pgconductor.runtime.executors import Executor
from pgconductor.runtime.handlers import Handler
from pgconductor.runtime.journal import Journal
from pgconductor.runtime.outcome import Cancelled, Completed, Failed, Outcome, Parked, TimedOut, UnreadablePayload

logger = logging.getLogger("pgconductor")


class Attempt:
    """What a slot is doing.

    Attributes:
        id: of the execution, 16 bytes.
        lease: that it is held under.
        stopped: set once someone asked it to stop: the outcome it will have.
    """

    __slots__ = ("_executor", "_journal", "_slot", "ctx", "handler", "id", "lease", "number", "stopped", "version")

    def __init__(
        self,
        id: bytes,
        lease: int,
        number: int,
        version: int,
        handler: Handler,
        ctx: AnyContext,
        executor: Executor | None,
        slot: asyncio.Task[None],
        journal: Journal,
    ) -> None:
        self.id = id
        self.lease = lease
        self.number = number
        self.version = version
        self.handler = handler
        self.ctx = ctx
        self.stopped: Outcome | None = None
        self._executor = executor
        self._slot = slot
        self._journal = journal

    def stop(self, outcome: Outcome) -> None:
        """Ask it to end with `outcome`: an async handler gets CancelledError, a sync one sees `ctx.cancelled`."""
        if self.stopped is None:
            self.stopped = outcome
            self.ctx._cancelled = True
            self._slot.cancel()

    def run(self, payload: str) -> Coroutine[Any, Any, Outcome]:
        """Make the attempt. Never raises but for the cancellation of its slot."""
        limit_ms = self.handler.plan.timeout_ms
        return self._guarded(payload) if limit_ms is None else self._limited(payload, limit_ms)

    async def _limited(self, payload: str, limit_ms: int) -> Outcome:
        timer = asyncio.get_running_loop().call_later(limit_ms / 1000, self.stop, TimedOut(limit_ms))
        try:
            return await self._guarded(payload)
        finally:
            timer.cancel()

    async def _guarded(self, payload: str) -> Outcome:
        try:
            outcome = await self._call(payload)
        except asyncio.CancelledError:
            return self._after_cancellation()
        except BaseException as error:  # SystemExit of a handler included: it ends the attempt, not the worker
            if isinstance(error, GeneratorExit) and asyncio.current_task() is not self._slot:
                raise  # the slot itself is being closed
            if (interrupt := interrupt_of(error)) is not None:
                outcome = left(self.ctx, interrupt, self.stopped)
            else:
                outcome = raised(self.ctx, error)
        if self.stopped is not None:
            return await self._after_stop(outcome)
        if (replay := self.ctx._replay) is not None and isinstance(outcome, Completed | Parked):
            try:
                for note in notes(replay, self.id, self.lease):
                    await self._journal.note(note)
            except asyncio.CancelledError:
                return self._after_cancellation()
        return outcome

    async def _call(self, payload: str) -> Outcome:
        handler = self.handler
        try:
            value = self._decode(payload)
        except Exception as error:
            return Failed(UnreadablePayload(f"the stored payload does not fit task `{handler.plan.name}`: {error}"))
        if self._executor is not None:
            return await self._executor.call(handler, value, self.ctx, self._journal)
        result = await handler.function(value, self.ctx)
        return returned(self.ctx, handler.task, result, self._journal.plan.size_limit)

    def _decode(self, payload: str) -> Any:
        handler = self.handler
        if self.version < handler.plan.version and handler.upgrade is not None:
            payload = json.dumps(handler.upgrade(json.loads(payload), self.version))
        return handler.task.decode(payload)

    def _after_cancellation(self) -> Outcome:
        if self.stopped is None:
            # Also when it cancelled its own task: given back, it would come again for ever.
            return Failed(RuntimeError("the handler ended with CancelledError, and nobody had asked it to stop"))
        self._slot.uncancel()
        return self.stopped

    async def _after_stop(self, outcome: Outcome) -> Outcome:
        """The handler ended although it was asked to stop: consume the cancellation, which may still be on its way."""
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        self._slot.uncancel()
        if isinstance(self.stopped, Cancelled | TimedOut):
            if isinstance(outcome, Completed) and self.handler.is_async:
                logger.warning(
                    "handler `%s` went on to its end although it was cancelled: let CancelledError pass, "
                    "its result is dropped",
                    self.handler.plan.handler,
                )
            return self.stopped
        return outcome
