"""Ends that come from outside: cancellations, timeouts, stops, and drains that know when to end."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from typing import Any

import psycopg
import pytest

from pgconductor.errors import ConductorError
from pgconductor.store.claims import Claims
from pgconductor.store.workers import WorkerRegistry
from tests.runtime.stage import Stage


async def test_a_cancelled_async_handler_gets_cancelled_error_within_a_second(stage: Stage) -> None:
    seen: list[str] = []

    @stage.task()
    async def sleeper(payload: Any, ctx: Any) -> None:
        seen.append("started")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    id = stage.observer.one("sleeper")
    async with stage.running():
        await stage.until(lambda: seen)
        began = time.monotonic()
        stage.observer.cancel(id, "too late")
        row = await stage.ended(id)
        assert time.monotonic() - began < 1.5
    assert (row["state"], row["error"]["message"], seen) == ("cancelled", "too late", ["started", "cancelled"])


async def test_a_cancelled_handler_that_swallows_it_never_completes(stage: Stage) -> None:
    started: list[int] = []

    @stage.task()
    async def stubborn(payload: Any, ctx: Any) -> None:
        started.append(1)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)

    id = stage.observer.one("stubborn")
    async with stage.running():
        await stage.until(lambda: started)
        stage.observer.cancel(id)
        assert (await stage.ended(id))["state"] == "cancelled"


async def test_a_handler_in_a_thread_sees_that_it_is_cancelled(stage: Stage) -> None:
    threads: list[int] = []
    seen = threading.Event()

    @stage.task()
    def thread(payload: Any, ctx: Any) -> None:
        threads.append(threading.get_ident())
        deadline = time.monotonic() + 10
        while not ctx.cancelled and time.monotonic() < deadline:
            time.sleep(0.01)
        if ctx.cancelled:
            seen.set()

    id = stage.observer.one("thread")
    async with stage.running():
        await stage.until(lambda: threads)
        stage.observer.cancel(id)
        assert (await stage.ended(id))["state"] == "cancelled"
        await stage.until(seen.is_set, 2)
    assert threads != [threading.get_ident()]


async def test_a_timeout_ends_async_and_threaded_handlers(stage: Stage) -> None:
    @stage.task(timeout_ms=100)
    async def slow(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(30)

    @stage.task(timeout_ms=100)
    def slow_thread(payload: Any, ctx: Any) -> None:
        while not ctx.cancelled:
            time.sleep(0.01)

    ids = [stage.observer.one("slow"), stage.observer.one("slow_thread")]
    async with stage.running():
        rows = [await stage.ended(id, 5) for id in ids]
    assert [(row["state"], row["error"]["type"]) for row in rows] == [("failed", "TimeoutError")] * 2


async def test_a_stop_gives_unfinished_work_back_without_costing_an_attempt(stage: Stage) -> None:
    started: list[int] = []

    @stage.task()
    async def sleeper(payload: Any, ctx: Any) -> None:
        started.append(1)
        await asyncio.sleep(30)

    ids = stage.observer.enqueue("sleeper", count=4)
    async with stage.running(worker_concurrency=2) as orchestrator:
        await stage.until(lambda: len(started) == 2)
        assert orchestrator.info().state == "running"
        await orchestrator.stop(grace=0.05)
        assert orchestrator.info().state == "stopped"
    assert {(row["state"], row["attempts"]) for row in map(stage.observer.row, ids)} == {("ready", 0)}
    stage.observer.assert_nothing_held()


async def test_a_second_stop_hurries_the_first(stage: Stage) -> None:
    started: list[int] = []

    @stage.task()
    async def sleeper(payload: Any, ctx: Any) -> None:
        started.append(1)
        await asyncio.sleep(30)

    stage.observer.one("sleeper")
    async with stage.running() as orchestrator:
        await stage.until(lambda: started)
        first = asyncio.create_task(orchestrator.stop(grace=30))
        await stage.until(lambda: orchestrator.info().state == "stopping")
        began = time.monotonic()
        await orchestrator.stop(0)
        await first
        assert time.monotonic() - began < 5
    stage.observer.assert_nothing_held()


async def test_what_a_stop_gave_back_is_not_claimed_again_while_the_database_is_slow(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    @stage.task()
    async def sleeper(payload: Any, ctx: Any) -> None:
        started.append(1)
        await asyncio.sleep(30)

    marked = threading.Event()
    mark = WorkerRegistry.mark_draining

    def mark_slowly(self: WorkerRegistry) -> None:
        marked.wait(20)
        mark(self)

    monkeypatch.setattr(WorkerRegistry, "mark_draining", mark_slowly)
    id = stage.observer.one("sleeper")
    async with stage.running() as orchestrator:
        await stage.until(lambda: started)
        first = asyncio.create_task(orchestrator.stop(grace=30))
        await stage.until(lambda: orchestrator.info().state == "stopping")
        second = asyncio.create_task(orchestrator.stop(0))
        await stage.until(lambda: stage.observer.state(id) == "ready")
        await asyncio.sleep(0.2)  # the worker must not take it again
        assert (stage.observer.state(id), started) == ("ready", [1])
        marked.set()
        await asyncio.wait_for(asyncio.gather(first, second), 5)
    stage.observer.assert_nothing_held()


async def test_a_claim_whose_reply_is_lost_as_the_worker_stops_costs_no_attempt(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        started.append(1)

    stops: list[asyncio.Task[None]] = []
    claim = Claims.claim

    async def claim_and_lose(self: Claims, *values: Any) -> Any:
        if rows := await claim(self, *values):
            stops.append(asyncio.create_task(orchestrator.stop()))
            await stage.until(lambda: orchestrator.info().state == "stopping")
            raise psycopg.OperationalError("the connection is lost")
        return rows

    monkeypatch.setattr(Claims, "claim", claim_and_lose)
    async with stage.running() as orchestrator:
        id = stage.observer.one("quick")
        await stage.until(lambda: stops)
        await stops[0]
    assert (stage.observer.state(id), started) == ("ready", [])
    assert stage.observer.row(id)["attempts"] == 0


async def test_a_second_stop_shortens_the_grace_of_the_first(stage: Stage) -> None:
    ended: list[str] = []

    @stage.task()
    async def short(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.3)
        ended.append("short")

    @stage.task()
    async def long(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(30)
        ended.append("long")

    ids = stage.observer.one("short"), stage.observer.one("long")
    async with stage.running() as orchestrator:
        await stage.until(lambda: orchestrator.info().workers[0].running == 2)
        first = asyncio.create_task(orchestrator.stop(grace=30))
        await stage.until(lambda: orchestrator.info().state == "stopping")
        await asyncio.wait_for(orchestrator.stop(grace=1), 5)
        await first
    assert ended == ["short"]
    assert [stage.observer.state(id) for id in ids] == ["completed", "ready"]


async def test_a_stop_whose_caller_is_cancelled_goes_on(stage: Stage) -> None:
    @stage.task()
    async def sleeper(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(30)

    id = stage.observer.one("sleeper")
    async with stage.running() as orchestrator:
        await stage.until(lambda: orchestrator.info().workers[0].running)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(orchestrator.stop(grace=30), 0.1)
        assert orchestrator.info().state == "stopping"
        await asyncio.wait_for(orchestrator.stop(grace=0), 5)
    assert orchestrator.info().state == "stopped"
    assert stage.observer.state(id) == "ready"
    stage.observer.assert_nothing_held()


async def test_a_database_that_takes_no_writes_any_more_does_not_keep_a_worker_from_stopping(stage: Stage) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    database = stage.observer.value("select current_database()")
    async with stage.running() as orchestrator:
        # As after a failover, for all connections from now on.
        stage.observer.connection.execute(f'alter database "{database}" set default_transaction_read_only = on')
        await asyncio.wait_for(orchestrator.stop(), 20)
    assert orchestrator.info().state == "stopped"


async def test_an_orchestrator_is_started_once(stage: Stage) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    async with stage.running() as orchestrator:
        with pytest.raises(ConductorError, match="started once"):
            await orchestrator.start()


async def test_a_drain_runs_what_handlers_enqueue(stage: Stage) -> None:
    ran: list[int] = []

    @stage.task()
    async def chain(payload: Any, ctx: Any) -> None:
        ran.append(payload.n)
        if payload.n:
            stage.observer.one("chain", {"n": payload.n - 1})

    stage.observer.one("chain", {"n": 3})
    await stage.drained()
    assert ran == [3, 2, 1, 0]


async def test_a_paused_queue_does_not_hang_a_drain(stage: Stage) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    id = stage.observer.one("quick")
    stage.observer.run("update {}.queues set paused = true")
    await stage.drained()
    assert stage.observer.state(id) == "ready"


async def test_context_variables_never_leak_into_the_next_handler(stage: Stage) -> None:
    leaked: contextvars.ContextVar[int | None] = contextvars.ContextVar("leaked", default=None)
    seen: list[int | None] = []

    @stage.task()
    async def leaky(payload: Any, ctx: Any) -> None:
        seen.append(leaked.get())
        leaked.set(payload.n)

    for n in range(1, 6):
        stage.observer.one("leaky", {"n": n})
    await stage.drained(worker_concurrency=1)
    assert seen == [None] * 5


async def test_higher_priorities_run_first(stage: Stage) -> None:
    ran: list[int] = []

    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        ran.append(payload.n)

    for n, priority in enumerate((0, 5, -5, 0)):
        stage.observer.one("quick", {"n": n}, priority=priority)
    await stage.drained(worker_concurrency=1)
    assert ran == [1, 0, 3, 2]


async def test_an_idle_worker_is_woken_long_before_its_poll(stage: Stage) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    async with stage.running(poll_interval_ms=10_000):
        await asyncio.sleep(0.6)
        began = time.monotonic()
        await stage.ended(stage.observer.one("quick"))
        assert time.monotonic() - began < 2
