"""`drain` runs until nothing is runnable now: it waits for nothing else, forgets nothing, and never hangs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg
import pytest

from pgconductor.errors import DatabaseUnreachable
from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.store.workers import WorkerRegistry
from tests.plans import make_plan, task
from tests.runtime.stage import ROOT, Stage
from tests.store.hand import hand

pytestmark = pytest.mark.timeout(60)


async def test_nothing_to_do_ends_at_once(stage: Stage) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    began = time.monotonic()
    await stage.drained()
    assert time.monotonic() - began < 3
    stage.observer.assert_nothing_held()


async def test_everything_that_is_ready_is_run(stage: Stage) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.001)

    stage.observer.enqueue("quick", count=500)
    await stage.drained()
    assert stage.observer.counts() == {"completed": 500}
    stage.observer.assert_nothing_held()


async def test_what_is_enqueued_on_the_way_is_run_at_any_depth(stage: Stage) -> None:
    @stage.task()
    async def follow(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.02)
        if payload.n:
            stage.observer.enqueue("follow", {"n": payload.n - 1}, count=2 if payload.n > 4 else 1)

    stage.observer.one("follow", {"n": 8})
    await stage.drained()
    assert stage.observer.counts() == {"completed": 1 + 2 + 4 + 8 + 16 * 5}


async def test_what_is_due_is_run_and_what_is_not_is_left(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 2, "delays_ms": (60_000,)})
    async def stumble(payload: Any, ctx: Any) -> None:
        raise ValueError

    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    stage.observer.one("stumble")
    stage.observer.enqueue("quick", count=3, delay_ms=1)
    stage.observer.enqueue("quick", count=2, delay_ms=3_600_000)
    await asyncio.sleep(0.01)
    await stage.drained()
    assert stage.observer.counts() == {"completed": 3, "scheduled": 3}


async def test_a_paused_queue_and_unknown_tasks_are_not_waited_for(stage: Stage) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    @stage.task(queue="other")
    async def elsewhere(payload: Any, ctx: Any) -> None:
        pass

    orchestrator = Orchestrator(stage.plan(), ROOT, url=stage.dsn)
    await orchestrator.start()
    stage.observer.run("update {}.queues set paused = true where name = 'other'")
    stage.observer.enqueue("elsewhere", queue="other", count=2)
    stage.observer.enqueue("unknown", count=2)
    stage.observer.enqueue("quick", count=2)
    async with asyncio.timeout(20):
        await orchestrator.drain()
    assert stage.observer.counts() == {"completed": 2, "ready": 4}


async def test_a_lane_that_other_live_workers_saturate_is_not_waited_for(stage: Stage) -> None:
    @stage.task(limit=1)
    async def narrow(payload: Any, ctx: Any) -> None:
        pass

    plan = stage.plan(lease_ms=2_000)
    starting = Orchestrator(plan, ROOT, url=stage.dsn)
    await starting.start()  # applies the plan
    await starting.stop()
    ids = stage.observer.enqueue("narrow", count=2)
    async with hand(stage.dsn, plan) as other:
        assert await other.take(1, "narrow") == ids[:1]
        beating = asyncio.create_task(_beat(other))
        await stage.drained(lease_ms=2_000)
        beating.cancel()
        assert stage.observer.counts() == {"running": 1, "ready": 1}


async def _beat(worker: Any) -> None:
    while True:
        await asyncio.to_thread(worker.beat)
        await asyncio.sleep(0.1)


async def test_what_a_dead_worker_held_is_waited_for_and_run(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 2})
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    plan = stage.plan(lease_ms=700)
    ids = stage.observer.enqueue("quick", count=5)
    async with hand(stage.dsn, plan) as dead:
        await dead.take()
    began = time.monotonic()
    await stage.drained(lease_ms=700)
    assert stage.observer.counts() == {"completed": 5}
    assert time.monotonic() - began < 6
    assert {row["attempts"] for row in stage.observer.rows("select attempts from {}.finished")} == {2}
    stage.observer.assert_one_row_each(ids)


async def test_rows_rescued_between_its_last_two_looks_are_not_left_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last doubt ends because of a rescue that the quiet worker has not seen: it has to look once more."""

    @stage.task(retry={"max_attempts": 2})
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    plan = stage.plan(lease_ms=60_000, poll_interval_ms=30_000)
    async with hand(stage.dsn, plan) as dead:
        stage.observer.enqueue("quick", count=3)
        await dead.take()
        asked = 0
        doubtful = WorkerRegistry.doubtful

        def rescue_first(self: WorkerRegistry, *arguments: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked == 3:
                stage.observer.expire(dead.id)
                stage.observer.run("update {}.workers set idle = false")  # nobody is notified
                stage.observer.rescue()
            return doubtful(self, *arguments)

        monkeypatch.setattr(WorkerRegistry, "doubtful", rescue_first)
        await stage.drained(lease_ms=60_000, poll_interval_ms=30_000)
    assert stage.observer.counts() == {"completed": 3}


async def test_a_database_that_goes_away_meanwhile_only_delays_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.02)

    doubtful, failures = WorkerRegistry.doubtful, iter([True, True])

    def fail_twice(self: WorkerRegistry, *arguments: Any) -> Any:
        if next(failures, False):
            raise DatabaseUnreachable("it is being restarted")
        return doubtful(self, *arguments)

    monkeypatch.setattr(WorkerRegistry, "doubtful", fail_twice)
    stage.observer.enqueue("quick", count=200)
    draining = asyncio.create_task(stage.drained())
    await stage.until(lambda: stage.observer.counts().get("completed"))  # it has applied its plan, and works
    for _ in range(3):
        await asyncio.sleep(0.1)
        terminate_all(stage)
    await draining
    assert stage.observer.counts() == {"completed": 200}


async def test_a_stop_ends_it(stage: Stage) -> None:
    started = asyncio.Event()

    @stage.task()
    async def endless(payload: Any, ctx: Any) -> None:
        started.set()
        await asyncio.sleep(60)

    id = stage.observer.one("endless")
    orchestrator = Orchestrator(stage.plan(), ROOT, url=stage.dsn)
    await orchestrator.start()
    draining = asyncio.create_task(orchestrator.drain())
    await started.wait()
    await orchestrator.stop(grace=0)
    async with asyncio.timeout(2):
        await draining
    assert stage.observer.row(id)["attempts"] == 0


def terminate_all(stage: Stage) -> None:
    with psycopg.connect(stage.dsn, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name like 'pgconductor%'"
        )


def test_a_plan_without_handlers_has_nothing_to_drain(stage: Stage) -> None:
    async def run() -> None:
        orchestrator = Orchestrator(make_plan(task("nothing", handler=None)), ROOT, url=stage.dsn)
        await orchestrator.start()
        async with asyncio.timeout(5):
            await orchestrator.drain()

    stage.observer.one("nothing")
    asyncio.run(run())
    assert stage.observer.counts() == {"ready": 1}
