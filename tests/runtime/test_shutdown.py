"""A clean shutdown costs no attempt, whatever is under way; a second signal makes it immediate."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from pgconductor.errors import ConductorError
from pgconductor.runtime.heartbeat import Heartbeat
from pgconductor.runtime.orchestrator import Orchestrator
from tests.app import ledger
from tests.chaos.crew import Crew, Hand
from tests.plans import make_plan, task
from tests.runtime.stage import ROOT, Stage, worker_of

REGISTERING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%.workers%'"


class TestStop:
    """`Orchestrator.stop`, in this process."""

    async def test_what_runs_ends_and_what_waits_is_given_back(self, stage: Stage) -> None:
        @stage.task()
        async def slow(payload: Any, ctx: Any) -> None:
            await asyncio.sleep(0.3)

        ids = stage.observer.enqueue("slow", count=20)
        async with stage.running(worker_concurrency=3) as orchestrator:
            await stage.until(lambda: orchestrator.info().workers[0].running == 3)
            await orchestrator.stop()
        assert stage.observer.counts() == {"completed": 3, "ready": 17}
        assert {row["attempts"] for row in stage.observer.rows("select attempts from {}.ready")} == {0}
        stage.observer.assert_one_row_each(ids)
        stage.observer.assert_nothing_held()

    async def test_what_does_not_end_within_the_grace_is_given_back(self, stage: Stage) -> None:
        seen: list[str] = []
        started = asyncio.Event()

        @stage.task(retry={"max_attempts": 1})
        async def endless(payload: Any, ctx: Any) -> None:
            started.set()
            try:
                await asyncio.sleep(60)
            finally:
                seen.append(f"cancelled={ctx.cancelled}")

        id = stage.observer.one("endless")
        async with stage.running(drain_timeout_ms=200) as orchestrator:
            await started.wait()
            began = time.monotonic()
            await orchestrator.stop()
        assert 0.2 <= time.monotonic() - began < 3
        assert seen == ["cancelled=True"]
        assert (stage.observer.state(id), stage.observer.row(id)["attempts"]) == ("ready", 0)
        stage.observer.assert_nothing_held()

    async def test_what_ends_although_it_was_stopped_has_ended(self, stage: Stage) -> None:
        started = asyncio.Event()

        @stage.task()
        async def answer_anyway(payload: Any, ctx: Any) -> int:
            started.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return 7
            return 0

        id = stage.observer.one("answer_anyway")
        async with stage.running() as orchestrator:
            await started.wait()
            await orchestrator.stop(grace=0)
        assert stage.observer.row(id)["result"] == 7

    async def test_a_second_stop_does_not_wait_for_the_grace(self, stage: Stage) -> None:
        started = asyncio.Event()

        @stage.task()
        async def endless(payload: Any, ctx: Any) -> None:
            started.set()
            await asyncio.sleep(60)

        id = stage.observer.one("endless")
        async with stage.running(drain_timeout_ms=60_000) as orchestrator:
            await started.wait()
            began = time.monotonic()
            first = asyncio.create_task(orchestrator.stop())
            await asyncio.sleep(0.2)
            await orchestrator.stop(grace=0)
            await first
        assert time.monotonic() - began < 5
        assert (stage.observer.state(id), stage.observer.row(id)["attempts"]) == ("ready", 0)

    async def test_a_claim_under_way_is_given_back_and_never_started(self, stage: Stage) -> None:
        calls: list[int] = []

        @stage.task()
        async def endless(payload: Any, ctx: Any) -> None:
            calls.append(1)
            await asyncio.sleep(60)

        async with stage.running(poll_interval_ms=100) as orchestrator:
            await asyncio.sleep(0.3)
            with psycopg.connect(stage.dsn) as blocker:
                blocker.execute("lock table pgconductor.running_default in access exclusive mode")
                stage.observer.enqueue("endless", count=3)
                await stage.until(lambda: claims_are_blocked(stage))
                stopping = asyncio.create_task(orchestrator.stop())
                await asyncio.sleep(0.2)
                blocker.rollback()
            await stopping
        assert calls == []
        assert stage.observer.counts() == {"ready": 3}
        assert stage.observer.value("select max(attempts) from {}.ready") == 0
        stage.observer.assert_nothing_held()

    async def test_a_start_that_is_cancelled_leaves_no_worker_behind(self, stage: Stage) -> None:
        @stage.task()
        async def quick(payload: Any, ctx: Any) -> None:
            pass

        async with stage.running():
            pass  # the schema is there
        orchestrator = Orchestrator(stage.plan(), ROOT, url=stage.dsn)
        with psycopg.connect(stage.dsn) as blocker:
            blocker.execute("lock table pgconductor.workers in exclusive mode")
            starting = asyncio.create_task(orchestrator.start())
            await stage.until(lambda: stage.observer.value(REGISTERING))
            starting.cancel()
            await asyncio.sleep(0.1)
            blocker.rollback()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert orchestrator.info().state == "stopped"
        assert stage.observer.value("select count(*) from {}.workers") == 0

    async def test_a_stop_during_the_start_stops_once_it_has_started(self, stage: Stage) -> None:
        @stage.task()
        async def quick(payload: Any, ctx: Any) -> None:
            pass

        orchestrator = Orchestrator(stage.plan(), ROOT, url=stage.dsn)
        starting = asyncio.create_task(orchestrator.start())
        await stage.until(lambda: orchestrator.info().state == "starting")
        await asyncio.wait_for(orchestrator.stop(), 10)
        await starting
        assert orchestrator.info().state == "stopped"
        assert stage.observer.value("select count(*) from {}.workers") == 0

    async def test_a_start_that_fails_leaves_no_worker_behind(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @stage.task()
        async def quick(payload: Any, ctx: Any) -> None:
            pass

        def out_of_threads(self: Heartbeat) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(Heartbeat, "start", out_of_threads)
        with pytest.raises(RuntimeError, match="new thread"):
            await Orchestrator(stage.plan(), ROOT, url=stage.dsn).start()
        assert stage.observer.value("select count(*) from {}.workers") == 0

    async def test_nothing_of_it_is_left_once_it_has_stopped(self, stage: Stage) -> None:
        @stage.task()
        async def quick(payload: Any, ctx: Any) -> None:
            pass

        before = set(threading.enumerate())  # foreign executors of other tests ran handlers in this process
        async with stage.running():
            await stage.ended(stage.observer.one("quick"))
        sessions = "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        await stage.until(lambda: stage.observer.rows(sessions) == [], 1)  # the server takes note of each goodbye
        left = set(threading.enumerate()) - before
        assert [thread.name for thread in left if thread.name.startswith("pgconductor ")] == []
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    async def test_it_is_started_once(self, stage: Stage) -> None:
        @stage.task()
        async def quick(payload: Any, ctx: Any) -> None:
            pass

        async with stage.running() as orchestrator:
            assert orchestrator.info().state == "running"
            with pytest.raises(ConductorError, match="started once"):
                await orchestrator.start()
        assert orchestrator.info().state == "stopped"
        await orchestrator.stop()
        async with asyncio.timeout(1):
            await orchestrator.stopped()

    async def test_outcomes_are_written_before_it_ends(self, stage: Stage) -> None:
        @stage.task()
        async def quick(payload: Any, ctx: Any) -> None:
            pass

        ids = stage.observer.enqueue("quick", count=2_000)
        async with stage.running() as orchestrator:
            await stage.until(lambda: worker_of(orchestrator).report.completed > 300)
        done = worker_of(orchestrator).report.completed
        counts = stage.observer.counts()
        assert (counts.get("completed"), sum(counts.values())) == (done, 2_000)
        stage.observer.assert_one_row_each(ids)
        stage.observer.assert_nothing_held()


def claims_are_blocked(stage: Stage) -> bool:
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like %s"
    return bool(stage.observer.value(query, "%skip locked%"))


class TestSignals:
    """A worker process."""

    @pytest.fixture
    def observer(self, stage: Stage) -> Stage:
        stage.observer.connection.execute(ledger.TABLE)
        return stage

    @pytest.fixture
    def crew(self, observer: Stage, tmp_path: Path) -> Iterator[Crew]:
        plan = make_plan(
            task("work"), task("toil"), task("answer_pid", queue="pool"),
            queues={"default": {"drain_timeout_ms": 60_000, "worker_concurrency": 4},
                    "pool": {"drain_timeout_ms": 300, "executor": "process", "worker_concurrency": 2}},
        )  # fmt: skip
        with Crew(tmp_path, plan, observer.dsn) as crew:
            yield crew

    def begun(self, stage: Stage, count: int) -> None:
        stage.observer.wait_until(lambda: stage.observer.value("select count(*) from ledger") >= count)

    def given_back(self, stage: Stage, ids: list[UUID]) -> bool:
        rows = stage.observer.rows("select attempts from {}.ready where id = any (%s)", ids)
        return [row["attempts"] for row in rows] == [0] * len(ids)

    def test_sigterm_lets_work_end_and_exits_with_0(self, observer: Stage, crew: Crew) -> None:
        hand = crew.start()
        observer.observer.enqueue("work", {"ms": 600}, count=6)
        self.begun(observer, 4)
        hand.send(signal.SIGTERM)
        assert hand.wait() == 0
        assert observer.observer.counts() == {"completed": 4, "ready": 2}
        assert observer.observer.value("select max(attempts) from {}.ready") == 0
        observer.observer.assert_nothing_held()

    @pytest.mark.parametrize(("first", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
    def test_the_second_signal_gives_everything_back_at_once(
        self, observer: Stage, crew: Crew, first: int, code: int
    ) -> None:
        hand = crew.start()
        ids = observer.observer.enqueue("work", {"ms": 60_000}, count=4)
        self.begun(observer, 4)
        began = time.monotonic()
        hand.send(first)
        time.sleep(0.2)
        hand.send(first)
        assert hand.wait(10) == code
        assert time.monotonic() - began < 5
        assert self.given_back(observer, ids)
        observer.observer.assert_nothing_held()

    def test_a_sync_handler_that_never_ends_does_not_keep_the_process(self, observer: Stage, crew: Crew) -> None:
        hand = crew.start()
        ids = observer.observer.enqueue("toil", {"ms": 60_000}, count=1)
        self.begun(observer, 1)
        self.stop_twice(hand)
        assert self.given_back(observer, ids)
        observer.observer.assert_nothing_held()

    def test_a_handlers_process_is_killed_and_its_execution_given_back(self, observer: Stage, crew: Crew) -> None:
        hand = crew.start()
        ids = observer.observer.enqueue("answer_pid", {"ms": 60_000}, count=2, queue="pool")
        observer.observer.wait_until(lambda: len(children_of(hand.pid)) >= 2)
        time.sleep(0.5)
        children = children_of(hand.pid)
        self.stop_twice(hand)
        assert self.given_back(observer, ids)
        observer.observer.assert_nothing_held()
        observer.observer.wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))

    def stop_twice(self, hand: Hand) -> None:
        hand.send(signal.SIGTERM)
        time.sleep(0.2)
        hand.send(signal.SIGTERM)
        assert hand.wait(10) == 0


def children_of(pid: int) -> list[int]:
    """The processes that a process has started, as Linux tells it."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split() if os.path.exists(f"/proc/{child}")]
