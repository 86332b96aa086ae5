"""A lapsed lease: what was claimed under it does not start, and what runs is stopped once it is somebody else's."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any
from uuid import UUID

import pytest

from pgconductor.runtime.tenure import Tenure
from pgconductor.store.claims import Claims
from tests.observer import Observer
from tests.runtime.stage import Stage, worker_of
from tests.store.hand import hand


class TestClock:
    """The lease by the process's own clock."""

    @pytest.fixture
    def tenure(self) -> Tenure:
        return Tenure(2_000, since=100.0)

    def test_it_is_counted_from_before_a_beat_was_sent(self, tenure: Tenure) -> None:
        assert tenure.until == 102.0
        assert not tenure.renew(sent=101.5, lapsed=False)
        assert tenure.until == 103.5

    def test_a_beat_after_its_end_brings_nothing_back_by_itself(self, tenure: Tenure) -> None:
        assert tenure.renew(sent=102.1, lapsed=False)
        assert tenure.until == -math.inf
        assert not tenure.renew(sent=102.5, lapsed=False)
        assert tenure.until == -math.inf
        tenure.regain(tenure.lapses)
        assert tenure.until == 104.5

    def test_the_database_knows_of_a_lapse_that_the_process_slept_through(self, tenure: Tenure) -> None:
        assert tenure.renew(sent=100.5, lapsed=True)
        assert tenure.until == -math.inf

    def test_a_second_lapse_is_not_over_with_the_first(self, tenure: Tenure) -> None:
        tenure.renew(sent=200.0, lapsed=True)
        seen = tenure.lapses
        tenure.renew(sent=300.0, lapsed=True)
        tenure.regain(seen)
        assert tenure.until == -math.inf


async def test_what_was_claimed_before_a_lapse_does_not_start_after_it(stage: Stage) -> None:
    started: list[UUID] = []
    go_on = asyncio.Event()

    @stage.task(retry={"max_attempts": 3})
    async def patient(payload: Any, ctx: Any) -> None:
        started.append(ctx.execution_id)
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            await go_on.wait()  # it will not be told

    async with stage.running(worker_concurrency=1, lease_ms=60_000) as orchestrator:
        worker = worker_of(orchestrator)
        worker.claimer._supply._rate = 1_000.0  # so fast that others are claimed ahead
        ids = stage.observer.enqueue("patient", count=5)
        await stage.until(lambda: len(started) == 1 and worker.info().buffered == 4)
        stage.observer.run("update {}.queues set paused = true")  # what it gives back stays to be looked at
        worker.tenure.until = 0.0  # as if no beat had come through for a lease
        go_on.set()
        await stage.until(lambda: worker.info().buffered == 0)
        assert started == ids[:1]
        await stage.until(lambda: stage.observer.counts() == {"completed": 1, "ready": 4})
        assert {row["attempts"] for row in stage.observer.rows("select attempts from {}.ready")} == {0}


async def test_what_a_claim_brings_after_a_lapse_does_not_start_while_its_steps_are_loaded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[UUID] = []

    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        started.append(ctx.execution_id)

    ids = [stage.observer.one("quick") for _ in range(2)]
    stage.observer.run("update {}.ready set has_steps = true where id = %s", ids[1])
    claim, load = Claims.claim, Claims.load_recorded

    async def claim_before_a_lapse(self: Claims, *values: Any) -> Any:
        if rows := await claim(self, *values):
            stage.observer.run("update {}.queues set paused = true")  # what it gives back stays to be looked at
            worker.tenure.renew(time.monotonic(), lapsed=True)
            worker.claimer.regain()
        return rows

    async def load_slowly(self: Claims, ids: Any) -> Any:
        await asyncio.sleep(0.1)
        return await load(self, ids)

    monkeypatch.setattr(Claims, "claim", claim_before_a_lapse)
    monkeypatch.setattr(Claims, "load_recorded", load_slowly)
    stage.observer.run("update {}.queues set paused = true")
    async with stage.running(lease_ms=60_000) as orchestrator:
        worker = worker_of(orchestrator)
        stage.observer.run("update {}.queues set paused = false")
        await stage.until(lambda: worker.claimer.claims == 1 and stage.observer.counts() == {"ready": 2})
    assert started == []


async def test_what_was_rescued_is_neither_started_nor_run_on_by_who_had_it(stage: Stage) -> None:
    started: list[UUID] = []
    stopped: list[UUID] = []

    @stage.task(retry={"max_attempts": 3})
    async def patient(payload: Any, ctx: Any) -> None:
        started.append(ctx.execution_id)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.append(ctx.execution_id)
            raise

    async with stage.running(worker_concurrency=1, lease_ms=1_500) as orchestrator:
        worker = worker_of(orchestrator)
        worker.claimer._supply._rate = 1_000.0
        ids = stage.observer.enqueue("patient", count=5)
        await stage.until(lambda: len(started) == 1 and worker.info().buffered == 4)
        async with hand(stage.dsn, stage.plan(lease_ms=300_000)) as heir:  # nobody beats for it
            with Observer(stage.dsn) as observer:
                # In one transaction: a beat in between would save them.
                observer.connection.execute("begin")
                observer.expire(worker.id)
                assert {rescued.id for rescued in observer.rescue()} == set(ids)
                observer.connection.execute("commit")
            taken = await heir.take(2)
            await stage.until(lambda: started[0] in stopped)
            assert await heir.settle(*(heir.completed(id) for id in taken)) == []
        assert not set(started[1:]) & set(taken)
        await stage.until(lambda: worker.report.lost >= 1)
        stage.observer.assert_one_row_each(ids)


async def test_what_nobody_took_runs_on_through_a_lapse(stage: Stage) -> None:
    started = asyncio.Event()
    end = asyncio.Event()

    @stage.task()
    async def patient(payload: Any, ctx: Any) -> None:
        started.set()
        await end.wait()

    async with stage.running(lease_ms=60_000) as orchestrator:
        worker = worker_of(orchestrator)
        id = stage.observer.one("patient")
        await started.wait()
        worker.tenure.renew(time.monotonic(), lapsed=True)
        worker.claimer.regain()
        again = stage.observer.one("patient")
        await stage.until(lambda: stage.observer.state(again) == "running" and worker.info().running == 2)
        end.set()
        assert (await stage.ended(id))["attempts"] == 1
        assert (await stage.ended(again))["state"] == "completed"


async def test_what_was_claimed_ahead_is_given_back_when_the_claims_connection_is_lost(stage: Stage) -> None:
    """A server that crashed has forgotten the last claims: others may have run them."""
    started: list[UUID] = []
    end = asyncio.Event()

    @stage.task()
    async def patient(payload: Any, ctx: Any) -> None:
        started.append(ctx.execution_id)
        await end.wait()

    async with stage.running(worker_concurrency=1, lease_ms=60_000) as orchestrator:
        worker = worker_of(orchestrator)
        worker.claimer._supply._rate = 1_000.0
        ids = stage.observer.enqueue("patient", count=5)
        await stage.until(lambda: len(started) == 1 and worker.info().buffered == 4)
        lease = worker.claimer._lease
        stage.observer.value(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where datname = current_database() and application_name like '%% claims'"
        )
        older = "select id from {}.running where lease <= %s"
        await stage.until(lambda: [row["id"] for row in stage.observer.rows(older, lease)] == ids[:1])
        end.set()
        await stage.until(lambda: stage.observer.counts() == {"completed": 5})
        assert started[0] == ids[0]
        assert sorted(started) == sorted(ids)


async def test_a_claim_that_the_servers_crash_undid_is_stopped(stage: Stage) -> None:
    stopped = asyncio.Event()

    @stage.task()
    async def patient(payload: Any, ctx: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise

    async with stage.running(lease_ms=60_000) as orchestrator:
        worker = worker_of(orchestrator)
        id = stage.observer.one("patient")
        await stage.until(lambda: worker.info().running == 1)
        stage.observer.run("delete from {}.running where id = %s", id)
        worker.claimer.doubt()
        async with asyncio.timeout(10):
            await stopped.wait()
        await stage.until(lambda: worker.report.lost == 1)
