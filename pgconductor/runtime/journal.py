"""The journal of a worker: what its handlers record, written in batches.

One flush is in flight; the next takes all steps that were done meanwhile, so that the steps of concurrent executions
are committed together and nothing waits on a timer. Its connection is opened by the first step: a queue whose handlers
have none pays nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING

from pgconductor.api.interrupt import Released
from pgconductor.plan.model import Plan, QueuePlan
from pgconductor.runtime.failure import clean
from pgconductor.store.keeping import DATA_ERRORS, keep_connected, watch
from pgconductor.store.query import AnyAsyncConnection, AnyConnection
from pgconductor.store.records import Note, Progress, StepResult
from pgconductor.store.session import RELAXED_SETTINGS, WORKER_SETTINGS
from pgconductor.store.steps import Steps, Unsaved
from pgconductor.store.transactions import Transactions

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    Saving = tuple[StepResult, asyncio.Future[None]]

logger = logging.getLogger("pgconductor")

PROGRESS_EVERY = 1.0
# Characters of what an execution says of its progress: a few words.
NOTE_LIMIT = 1000


class Journal:
    """Records for the executions that one worker holds. Used from the loop that it was made in.

    Args:
        plan: whose tasks children can be of.
        queue: the worker's.
        worker: its id, which every write is fenced by.
        on_stop: called for a saved execution that was asked to stop: its id, its lease and the reason.

    Attributes:
        stopping: the worker stops: each handler is left at its next step.
        reports: progress that is not written yet, by execution and lease.
    """

    def __init__(
        self, url: str, plan: Plan, queue: QueuePlan, worker: int, on_stop: Callable[[bytes, int, str], None]
    ) -> None:
        self.plan = plan
        self.queue = queue
        self.worker = worker
        self.stopping = False
        self.loop = asyncio.get_running_loop()
        self._transactions = Transactions(url, plan.database)
        self.url = url
        self._on_stop = on_stop
        self._saving: list[Saving] = []
        self._under_way: list[Saving] = []
        self._notes: list[tuple[Note, asyncio.Future[None]]] = []
        self.reports: dict[tuple[bytes, int], Progress] = {}
        self._reporting: dict[tuple[bytes, int], Progress] = {}
        self._progress_due = False
        self._last_reports: list[asyncio.Future[None]] = []
        self._filled = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    def retune(self, plan: Plan, queue: QueuePlan) -> None:
        """Go by these from now on."""
        self.plan, self.queue = plan, queue

    def save(self, step: StepResult) -> asyncio.Future[None]:
        """Memoise a step: it is committed once what is returned is done.

        Raises:
            Released: the execution is somebody else's by now, or the worker is gone; nothing was written.
        """
        future: asyncio.Future[None] = self.loop.create_future()
        self._saving.append((step, future))
        self._wake()
        return future

    async def saved_step(self, step: StepResult) -> None:
        """The same for other threads, which can only have a coroutine run here."""
        await self.save(step)

    def begin(self, step: StepResult) -> AbstractAsyncContextManager[AnyAsyncConnection]:
        """A connection in a transaction, for a step whose writes and record commit together at the end of the block."""
        return self._transactions.begin()

    def begin_blocking(self, step: StepResult) -> AbstractContextManager[AnyConnection]:
        """The same for a thread."""
        return self._transactions.begin_blocking()

    def begin_here(self, step: StepResult) -> AbstractAsyncContextManager[AnyAsyncConnection]:
        """The same for a loop that is not the journal's."""
        return self._transactions.begin_here()

    async def note(self, note: Note) -> None:
        """Add to the history of an execution."""
        future: asyncio.Future[None] = self.loop.create_future()
        self._notes.append((note, future))
        self._wake()
        await future

    def report(self, progress: Progress) -> None:
        """Write how far an execution is, within a second; the latest only."""
        if not self.reports:
            self.loop.call_later(PROGRESS_EVERY, self._write_progress)
        if progress.note is not None:
            progress = progress._replace(note=clean(str(progress.note), NOTE_LIMIT))
        self.reports[progress.id, progress.lease] = progress

    async def last_report(self, id: bytes, lease: int, *, kept: bool) -> None:
        """An attempt ended: write what it said of its progress before its outcome gives the execution away.

        Args:
            kept: otherwise nothing of it need be written; but what is being written is, before it can be forgotten.
        """
        if not kept and (id, lease) not in self._reporting:
            self.reports.pop((id, lease), None)
        elif (id, lease) in self.reports and not self._closed:
            future: asyncio.Future[None] = self.loop.create_future()
            self._last_reports.append(future)
            self._write_progress()
            await future

    def saved(self, unsaved: Unsaved) -> bool:
        """What a row of the save statement means: False, the execution is somebody else's by now."""
        if unsaved.reason is None:
            return False
        self._on_stop(unsaved.id, unsaved.lease, unsaved.reason)
        return True

    async def close(self) -> None:
        """Write no more; whoever still waits for a step to be saved is released."""
        self._closed = True
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        for _, future in (*self._saving, *self._under_way, *self._notes):
            if not future.done():
                future.set_exception(Released())
                future.exception()  # its handler may be gone
        _done(self._last_reports)
        await self._transactions.close()

    def _wake(self) -> None:
        if self._closed:
            raise Released
        self._filled.set()
        if self._writer is None:
            relaxed = RELAXED_SETTINGS if self.queue.durability == "relaxed" else ""
            name = f"pgconductor {self.queue.name} steps"
            self._writer = self.loop.create_task(keep_connected(self.url, name, WORKER_SETTINGS + relaxed, self._write))
            watch(self._writer, f"the journal of queue `{self.queue.name}`", self._broke)

    def _broke(self, name: str, error: BaseException) -> None:
        """Whoever waits for a step to be saved fails by the error; the next step begins a new writer."""
        logger.critical("%s ended by an error in pgconductor", name, exc_info=error)
        waiting = [future for _, future in (*self._saving, *self._under_way, *self._notes)]
        self._saving, self._under_way, self._notes = [], [], []
        self._writer = None
        for future in waiting:
            _fail(future, error)
        _done(self._last_reports)
        self.reports, self._reporting, self._last_reports, self._progress_due = {}, {}, [], False

    def _write_progress(self) -> None:
        self._progress_due = True
        if not self._closed:
            self._wake()

    async def _write(self, connection: AsyncConnection) -> None:
        steps = Steps(connection, self.plan.schema_name, self.queue.name, self.worker)
        self._filled.set()  # what a lost connection left unwritten
        while True:
            if not self._under_way:
                await self._filled.wait()
                self._filled.clear()
                self._under_way, self._saving = self._saving, []
            if self._under_way:
                await self._save(steps, self._under_way)
                self._under_way = []
            await self._write_rest(steps)
            if self._saving or self._notes or self._progress_due:
                self._filled.set()

    async def _save(self, steps: Steps, batch: Sequence[Saving]) -> None:
        """Save a batch; one that the database refuses is halved until only the culprit is left out."""
        try:
            unsaved = await steps.save([step for step, _ in batch])
        except DATA_ERRORS as error:
            if len(batch) == 1:
                _fail(batch[0][1], error)
                return
            half = len(batch) // 2
            await self._save(steps, batch[:half])
            await self._save(steps, batch[half:])
            return
        lost = {(row.id, row.lease) for row in unsaved if not self.saved(row)} if unsaved else ()
        for step, future in batch:
            if lost and (step.id, step.lease) in lost:
                _fail(future, Released())
            elif not future.done():
                future.set_result(None)

    async def _write_rest(self, steps: Steps) -> None:
        """Nothing is taken from its list before it is written, and what comes meanwhile is the next turn's."""
        if notes := list(self._notes):
            await steps.note([note for note, _ in notes])
            del self._notes[: len(notes)]
            _done([future for _, future in notes])
        if self._progress_due:
            reported, waiting = dict(self.reports), list(self._last_reports)
            self._reporting = reported
            if reported:
                await steps.report(list(reported.values()))
            self._reporting = {}
            self.reports = {key: each for key, each in self.reports.items() if reported.get(key) is not each}
            del self._last_reports[: len(waiting)]
            self._progress_due = bool(self._last_reports)
            if self.reports:
                self.loop.call_later(PROGRESS_EVERY, self._write_progress)
            _done(waiting)


def _done(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _fail(future: asyncio.Future[None], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
