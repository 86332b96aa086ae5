"""A worker process that dies, by SIGKILL, at a given point of an execution."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from pgconductor.plan.model import Plan
from pgconductor.runtime.journal import Journal
from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.runtime.process import serve
from pgconductor.runtime.worker import Writers
from pgconductor.store.query import AnyAsyncConnection, AnyConnection
from pgconductor.store.records import StepResult
from pgconductor.store.settlement import Discarded, Finished, Settled, Settlement, Suspended

Moment: TypeAlias = Literal["before", "after"]

# Stands for the handler's return where others have the name of a step, which is never empty.
END = ""

# A busy machine is no reason to lose a lease; what a victim held is taken from it explicitly.
LEASE_MS = 120_000


class Point(NamedTuple):
    """Where a worker is killed.

    Attributes:
        step: the name of a durable call; "" is the handler's return.
        moment: "before": the call has had its effect, and nothing is recorded; "after": its record is committed.
    """

    step: str
    moment: Moment

    def __str__(self) -> str:
        return f"{self.moment} {f'`{self.step}`' if self.step else 'the end'} was recorded"


class Entry(NamedTuple):
    """That an execution came to a point."""

    step: str
    moment: Moment
    kind: str


class Watch:
    """Notes what an execution does, and ends the process at one point of it.

    Args:
        execution: whose points are meant.
    """

    def __init__(self, log: Path, execution: bytes, point: Point | None) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._execution = execution
        self._point = point

    def note(self, execution: bytes, step: str, moment: Moment, kind: str) -> None:
        if execution != self._execution:
            return
        os.write(self._log, (json.dumps(Entry(step, moment, kind)) + "\n").encode())
        if self._point == (step, moment):
            os.kill(os.getpid(), signal.SIGKILL)

    def step(self, step: StepResult, moment: Moment) -> None:
        self.note(step.id, step.name, moment, "step")

    def transaction(self, step: StepResult, moment: Moment) -> None:
        self.note(step.id, step.name, moment, "transaction")

    def outcomes(self, batch: Sequence[Settled], moment: Moment) -> None:
        for outcome in batch:
            if isinstance(outcome, Suspended):
                for wait in outcome.waits:
                    self.note(outcome.id, wait.name, moment, wait.kind)
            elif isinstance(outcome, Finished | Discarded):
                self.note(outcome.id, END, moment, "end")


class WatchedJournal(Journal):
    """A journal that passes the points of steps."""

    def __init__(self, *args: Any, watch: Watch) -> None:
        super().__init__(*args)
        self._watch = watch

    def save(self, step: StepResult) -> asyncio.Future[None]:
        self._watch.step(step, "before")
        saving = super().save(step)
        saving.add_done_callback(partial(self._after, step))  # called before the handler goes on
        return saving

    def _after(self, step: StepResult, saving: asyncio.Future[None]) -> None:
        if not saving.cancelled() and saving.exception() is None:
            self._watch.step(step, "after")

    @asynccontextmanager
    async def begin(self, step: StepResult) -> AsyncIterator[AnyAsyncConnection]:
        async with super().begin(step) as connection:
            yield connection
            self._watch.transaction(step, "before")
        self._watch.transaction(step, "after")

    @contextmanager
    def begin_blocking(self, step: StepResult) -> Iterator[AnyConnection]:
        with super().begin_blocking(step) as connection:
            yield connection
            self._watch.transaction(step, "before")
        self._watch.transaction(step, "after")


class WatchedSettlement(Settlement):
    """A settlement that passes the points of waits and of the end."""

    def __init__(self, *args: Any, watch: Watch) -> None:
        super().__init__(*args)
        self._watch = watch

    async def settle(self, batch: Sequence[Settled]) -> list[bytes]:
        self._watch.outcomes(batch, "before")
        lost = await super().settle(batch)
        self._watch.outcomes(batch, "after")
        return lost


@dataclass(frozen=True)
class Mission:
    """What a worker process is told: all that it needs of the test's."""

    plan: Plan
    folder: Path
    url: str
    execution: bytes
    point: Point | None
    log: Path
    output: Path
    cwd: str
    environ: dict[str, str]


class Victim:
    """A worker process of a project.

    Args:
        folder: where it notes what it does, and what it says.
    """

    def __init__(
        self, plan: Plan, project: Path, url: str, execution: bytes, point: Point | None, folder: Path
    ) -> None:
        self._log = folder / "log"
        self._output = folder / "output"
        mission = Mission(plan, project, url, execution, point, self._log, self._output, os.getcwd(), dict(os.environ))
        # Forked from a process that has imported all this and runs nothing: a worker is there in no time.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._process = context.Process(target=work, args=(mission,), name="pgconductor victim", daemon=True)
        self._process.start()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def was_killed(self) -> bool:
        return self._process.exitcode == -signal.SIGKILL

    def kill(self) -> None:
        """End it, however far it is."""
        self._process.kill()
        self._process.join()

    def log(self) -> list[Entry]:
        """What the execution did, in this process and in those before."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [Entry(*json.loads(line)) for line in lines]

    def said(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""


def work(mission: Mission) -> None:
    """The process: serve all queues of the plan until killed."""
    output = os.open(mission.output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.clear()
    os.environ.update(mission.environ)
    os.chdir(mission.cwd)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    watch = Watch(mission.log, mission.execution, mission.point)
    # Where handlers run in other processes, durable calls are recorded there: out of sight.
    changes = {"executor": "async", "lease_ms": LEASE_MS}
    orchestrator = Orchestrator(
        mission.plan,
        mission.folder,
        overrides=dict.fromkeys(mission.plan.queues, changes),
        url=mission.url,
        writers=Writers(partial(WatchedJournal, watch=watch), partial(WatchedSettlement, watch=watch)),
    )
    sys.exit(asyncio.run(serve(orchestrator)))
