"""What every fault is judged by: the engine's tables against the ledger that the handlers wrote."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self
from uuid import UUID

import psycopg

from tests.chaos.crew import Crew
from tests.observer import Observer
from tests.plans import make_plan, task

PLAN = make_plan(
    task("work", retry={"max_attempts": 50}),
    task("narrow", limit=2, retry={"max_attempts": 50}),
    task("kill_worker", retry={"max_attempts": 2}),
    queues={"default": {"lease_ms": 2_000, "worker_concurrency": 8, "fetch_batch_size": 20}},
)
# Of the server's return, or of a fault that leaves it alone.
BACK_WITHIN = 5.0


class Run(NamedTuple):
    """What a handler wrote of one run."""

    execution_id: UUID
    attempt: int
    pid: int
    started_at: datetime
    ended_at: datetime | None


class Scene:
    """A queue with work, the workers on it, and the verdict.

    Attributes:
        ids: of all that was acknowledged.
    """

    def __init__(self, crew: Crew, dsn: str, ledger_dsn: str) -> None:
        self.crew = crew
        self.ids: list[UUID] = []
        self._dsn = dsn
        self._ledger_dsn = ledger_dsn
        self.observer = Observer(dsn)

    def reconnect(self) -> None:
        """After the server went away."""
        self.observer.connection.close()
        self.observer = Observer(self._dsn)

    def enqueue(self, count: int, ms: int = 20) -> None:
        self.ids += self.observer.enqueue("work", {"ms": ms}, count=count)
        self.ids += self.observer.enqueue("narrow", {"ms": ms}, count=count // 10)

    @property
    def completed(self) -> int:
        return self.observer.counts().get("completed", 0)

    def wait_for_completed(self, count: int, seconds: float = 60) -> None:
        self.observer.wait_until(lambda: self.completed >= count, seconds)

    def wait_for_progress(self, seconds: float = BACK_WITHIN) -> None:
        """Workers are at it again by themselves."""
        before = self.completed
        assert before < len(self.ids), "nothing is left to tell by"
        self.wait_for_completed(before + 1, seconds)

    def verify(self) -> None:
        """Everything acknowledged ends once and runs no more, nothing leaks, and fresh work succeeds."""
        self.observer.wait_until(lambda: set(self.observer.counts()) == {"completed"}, 60)
        self.observer.assert_one_row_each(self.ids)
        self._compare_with_ledger()
        fresh = self.observer.enqueue("work", {"ms": 1}, count=5) + self.observer.enqueue("narrow", {"ms": 1}, count=5)
        self.ids += fresh
        for id in fresh:
            self.observer.wait_for(id, "completed", seconds=BACK_WITHIN)
        self.crew.stop()
        # Killed workers stay on show for a day; they hold nothing.
        self.observer.run("delete from {}.workers where expires_at < clock_timestamp()")
        self.observer.assert_nothing_held()
        self._compare_with_ledger()

    def _compare_with_ledger(self) -> None:
        runs: dict[UUID, list[Run]] = {}
        for run in self.runs():
            runs.setdefault(run.execution_id, []).append(run)
        for row in self.observer.rows("select id, attempts, finished_at from {}.finished"):
            finished_at = row["finished_at"]
            later = [run for run in runs[row["id"]] if run.started_at > finished_at]
            assert later == [], f"{row['id']} had completed at {finished_at} and ran again"
            ended = [run for run in runs[row["id"]] if run.ended_at is not None and run.ended_at <= finished_at]
            assert row["attempts"] in {run.attempt for run in ended}, f"nobody had ended {row}"

    def runs(self) -> list[Run]:
        with psycopg.connect(self._ledger_dsn) as connection:
            query = "select execution_id, attempt, pid, started_at, ended_at from ledger"
            return [Run(*row) for row in connection.execute(query)]

    def close(self) -> None:
        self.observer.connection.close()


class Producer:
    """Enqueues without a pause from a thread, and remembers what was acknowledged."""

    def __init__(self, dsn: str) -> None:
        self.acknowledged: list[UUID] = []
        self.refused = 0
        self._dsn = dsn
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stopping.wait(0.05):
            with suppress(psycopg.OperationalError), Observer(self._dsn) as observer:
                self._enqueue(observer)

    def _enqueue(self, observer: Observer) -> None:
        while not self._stopping.wait(0.01):
            try:
                self.acknowledged += observer.enqueue("work", {"ms": 1}, count=2)
            except psycopg.OperationalError:
                self.refused += 1
                raise

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()


def sessions(observer: Observer) -> dict[str, list[int]]:
    """The backends of all workers by what they do."""
    found: dict[str, list[int]] = {}
    for row in observer.rows(
        "select application_name as name, pid from pg_stat_activity"
        " where datname = current_database() and application_name like 'pgconductor %%'"
    ):
        found.setdefault(row["name"].removeprefix("pgconductor "), []).append(row["pid"])
    return found


def terminate(observer: Observer, pids: list[int]) -> int:
    """How many of them there were."""
    query = "select pg_terminate_backend(pid) as ended from unnest(%s::int[]) as pid"
    return sum(row["ended"] for row in observer.rows(query, pids))
