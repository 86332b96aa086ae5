"""Slots: what runs claimed executions, as many at a time as the queue's concurrency.

A slot is an asyncio task that takes one execution after another and awaits its handler directly. There is no task per
execution: a handler that never suspends costs a coroutine call, and hundreds of them run between two turns of the loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from pgconductor.api.context import Context, SyncContext
from pgconductor.plan.model import QueuePlan, TaskPlan
from pgconductor.runtime.attempt import Attempt
from pgconductor.runtime.executors import Executor, Threads
from pgconductor.runtime.handlers import Handler, policy_of
from pgconductor.runtime.host import LoopHost
from pgconductor.runtime.journal import Journal
from pgconductor.runtime.outbox import Outbox
from pgconductor.runtime.outcome import Cancelled, Failed, GivenBack, Outcome, Parked, settled
from pgconductor.runtime.report import Report
from pgconductor.runtime.tenure import Tenure
from pgconductor.store.claims import ClaimedRow
from pgconductor.store.records import Recorded
from pgconductor.store.settlement import Discarded, Released, Settled

logger = logging.getLogger("pgconductor")

# How long slots may keep the loop from everything else, all together: claims and flushes wait for it.
SLICE = 0.002


class Slots:
    """The executions of one queue that this process holds: waiting in the buffer, or under way in a slot.

    Args:
        outbox: where outcomes go.
        deps: `ctx.deps` of every handler.
        tenure: beyond which nothing starts.
        journal: where durable calls are recorded.
        step_threads: where the sync functions of steps run.
        on_progress: called when an execution ended and nothing is buffered, or no more than `low_water` are held.
    """

    def __init__(
        self,
        queue: QueuePlan,
        handlers: dict[str, Handler],
        executor: Executor,
        outbox: Outbox,
        deps: Any,
        report: Report,
        tenure: Tenure,
        journal: Journal,
        step_threads: Threads,
        on_progress: Callable[[], None],
    ) -> None:
        self.low_water = 0
        self.finished = 0
        # By id and lease: one that lapsed and was claimed again here runs beside its own earlier attempt.
        self.active: dict[tuple[bytes, int], Attempt] = {}
        self._queue = queue
        self._handlers = handlers
        self._executors = {
            key: None if queue.executor == "async" and handler.is_async else executor
            for key, handler in handlers.items()
        }
        self._elsewhere = frozenset(
            key for key, chosen in self._executors.items() if chosen is not None and not isinstance(chosen, Threads)
        )
        self._limited = frozenset(lane.task for lane in queue.lanes if lane.task is not None)
        self._outbox = outbox
        self._deps = deps
        self._report = report
        self._tenure = tenure
        self._on_progress = on_progress
        self._freed: set[str] = set()
        self._child_ended = False
        self._parked = False
        self._recorded: dict[tuple[bytes, int], tuple[Recorded, ...]] = {}
        self._buffer: deque[tuple[ClaimedRow, int]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._host = LoopHost(journal, step_threads, self._tasks)
        self._spawn = 1
        self._yielding = 0
        self._starting = True
        self._clean = contextvars.copy_context()

    @property
    def held(self) -> int:
        """How many executions are waiting or under way here."""
        return len(self._buffer) + len(self.active)

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    def ids(self) -> list[bytes]:
        return [row[0] for row, _ in self._buffer] + [id for id, _ in self.active]

    def take_freed(self) -> set[str]:
        """The limited tasks of which executions ended since the last call; their lanes' slots are free once settled."""
        freed, self._freed = self._freed, set()
        return freed

    def take_child_ended(self) -> bool:
        """Whether a child ended a run since the last call: its parent may be ready once that is settled."""
        ended, self._child_ended = self._child_ended, False
        return ended

    def take_parked(self) -> bool:
        """Whether an execution parked since the last call: its children are ready once that is settled."""
        parked, self._parked = self._parked, False
        return parked

    def retune(self, queue: QueuePlan, tasks: Iterable[TaskPlan]) -> None:
        """Go by these settings from now on; what is under way ends under those it began with."""
        self._queue = queue
        for task in tasks:
            if task.key in self._handlers:
                self._handlers[task.key] = replace(self._handlers[task.key], plan=task, policy=policy_of(task))
        self._start()

    def add(
        self, rows: Sequence[ClaimedRow], lease: int, recorded: Mapping[bytes, tuple[Recorded, ...]] | None = None
    ) -> None:
        """Take claimed executions; they start as slots become free, or go straight back after `stop_starting`.

        Args:
            recorded: what the durable calls of earlier runs left, by execution.
        """
        for id, records in (recorded or {}).items():
            self._recorded[id, lease] = records
        self._buffer.extend((row, lease) for row in rows)
        if not self._starting:
            self.give_back_buffered()
        self._spawn = 1
        self._start()

    def stop_starting(self) -> None:
        """Start nothing more: what waits for a slot is given back, and so is what a claim under way still brings."""
        self._starting = False
        self.give_back_buffered()

    def give_back_buffered(self) -> int:
        """Release what has not started. Returns how many."""
        count = len(self._buffer)
        while self._buffer:
            row, lease = self._buffer.popleft()
            self._recorded.pop((row[0], lease), None)
            self._outbox.put(Released(row[0], lease))
        return count

    def stop_all(self, outcome: Outcome) -> None:
        """Ask everything under way to end with `outcome`."""
        for attempt in list(self.active.values()):
            attempt.stop(outcome)

    def cancel(self, id: bytes, lease: int, reason: str) -> None:
        """Ask one execution to end cancelled, if it is under way here."""
        if attempt := self.active.get((id, lease)):
            attempt.stop(Cancelled(reason))

    async def ended(self, timeout: float) -> bool:
        """Wait until nothing is under way.

        Returns:
            False if something still was after `timeout` seconds.
        """
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)
        return not self._tasks

    def _start(self) -> None:
        """Start slots for what is buffered: one, and twice as many each turn of the loop while it does not shrink.

        Handlers that never suspend need one slot; those that do get all they may within a few turns.
        """
        free = self._queue.worker_concurrency - len(self._tasks)
        count = min(len(self._buffer), free, self._spawn)
        for _ in range(count):
            self._open_slot()
        if count and free > count and len(self._buffer) > count:
            self._spawn *= 2
            asyncio.get_running_loop().call_soon(self._start)

    def _open_slot(self) -> None:
        task = asyncio.get_running_loop().create_task(self._run(), context=self._clean.copy())
        self._tasks.add(task)
        task.add_done_callback(self._close_slot)

    def _close_slot(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._buffer:
            self._start()
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def _run(self) -> None:
        slot = asyncio.current_task()
        assert slot is not None
        buffer, outbox, clean, tenure = self._buffer, self._outbox, self._clean, self._tenure
        now = time.monotonic()
        slice_ends = now + SLICE / (1 + self._yielding)
        while buffer:
            if outbox.full:
                await outbox.room()
                now = time.monotonic()
                continue
            if now > tenure.until:
                self.give_back_buffered()
                return
            row, lease = buffer.popleft()
            await self._attempt(row, lease, slot)
            # The handler left context variables behind, or cancelled the task that it shares with the next one; or the
            # loop is being closed: the next one gets a fresh slot.
            if contextvars.copy_context() != clean or slot.cancelling():
                return
            now = time.monotonic()
            if now > slice_ends:
                self._yielding += 1
                try:
                    await asyncio.sleep(0)
                finally:
                    self._yielding -= 1
                now = time.monotonic()
                slice_ends = now + SLICE / (1 + self._yielding)

    async def _attempt(self, row: ClaimedRow, lease: int, slot: asyncio.Task[None]) -> None:
        id, key, version, number, payload, _, _, is_child, has_steps = row
        handler = self._handlers[key]
        ctx = (Context if handler.is_async else SyncContext)(
            id,
            key,
            self._queue.name,
            number,
            self._deps,
            lease=lease,
            recorded=self._recorded.pop((id, lease), ()) if has_steps else (),
            host=self._host,
            step_timeout_ms=handler.plan.step_timeout_ms,
        )
        attempt = Attempt(id, lease, number, version, handler, ctx, self._executors[key], slot, self._host.journal)
        self.active[id, lease] = attempt
        started = time.monotonic()
        outcome: Outcome = GivenBack()
        written: Settled | None = None
        try:
            outcome = await attempt.run(payload)
            # What runs in another process leaves its traces there.
            traced = has_steps or number > 1 or ctx._replay is not None or key in self._elsewhere
            written = settled(
                outcome, id, lease, number, handler.plan, policy=handler.policy, is_child=is_child, traced=traced
            )
            if self._host.journal.reports:
                await self._host.journal.last_report(id, lease, kept=type(written) is not Discarded)
        except Exception as error:  # of ours: given back it would come again for ever, and cost no attempt
            logger.critical("an attempt at %s ended by an error in pgconductor", UUID(bytes=id), exc_info=error)
            outcome = Failed(error)
            written = settled(outcome, id, lease, number, handler.plan, policy=handler.policy, is_child=is_child)
        finally:
            del self.active[id, lease]
            self.finished += 1
            written = written or Released(id, lease)
            self._outbox.put(written)
            self._report.ended(attempt, outcome, written, time.monotonic() - started)
            if is_child:
                self._child_ended = True
            if type(outcome) is Parked:
                self._parked = True
            if key in self._limited:
                self._freed.add(key)
            if not self._buffer or len(self._buffer) + len(self.active) <= self.low_water:
                self._on_progress()
