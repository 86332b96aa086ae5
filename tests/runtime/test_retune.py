"""Tunables of another plan are taken over by workers that run, and nothing else is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pgconductor.errors import PlanError
from pgconductor.plan.model import Plan
from pgconductor.runtime.orchestrator import Orchestrator
from tests.plans import make_plan, task
from tests.runtime.stage import ROOT, Stage, worker_of


async def test_more_concurrency_starts_more_at_once(stage: Stage) -> None:
    going = asyncio.Event()
    running = 0

    @stage.task()
    async def hold(payload: Any, ctx: Any) -> None:
        nonlocal running
        running += 1
        await going.wait()

    async with stage.running(worker_concurrency=2) as orchestrator:
        stage.observer.enqueue("hold", {}, count=10)
        await stage.until(lambda: running == 2)
        await asyncio.sleep(0.1)
        assert running == 2
        await orchestrator.retune(stage.plan(worker_concurrency=6))
        await stage.until(lambda: running == 6)
        assert stage.observer.value("select concurrency from {}.workers") == 6
        await orchestrator.retune(stage.plan(worker_concurrency=1))
        going.set()
        await stage.until(lambda: stage.observer.counts() == {"completed": 10})


async def test_retries_and_timeouts_of_attempts_that_begin_later(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 5, "delays_ms": (60_000,)})
    async def stumble(payload: Any, ctx: Any) -> None:
        if ctx.attempt < 3:
            raise RuntimeError
        await asyncio.sleep(60)

    async with stage.running() as orchestrator:
        (first,) = stage.observer.enqueue("stumble", {}, count=1)
        await stage.until(lambda: stage.observer.state(first) == "scheduled")
        stage.tasks[0] = task(
            "stumble", handler=stage.tasks[0].handler, timeout_ms=50, retry={"max_attempts": 3, "delays_ms": (1,)}
        )
        await orchestrator.retune(stage.plan())
        (second,) = stage.observer.enqueue("stumble", {}, count=1)
        row = await stage.ended(second)
        assert (row["state"], row["attempts"]) == ("failed", 3)


@pytest.mark.parametrize("executor", ["async", "process"])
async def test_children_are_made_by_the_plan_as_it_is(stage: Stage, executor: str) -> None:
    def plan(priority: int) -> Plan:
        child = task("nothing", priority=priority, queue="other")
        return make_plan(task("delegate"), child, queues={"default": {"executor": executor}, "other": {}})

    async with Orchestrator(plan(1), ROOT, url=stage.dsn, queues=["default"]) as orchestrator:
        stage.observer.one("delegate")
        await stage.until(lambda: stage.observer.rows("select priority from {}.ready") == [{"priority": 1}], 40)
        await orchestrator.retune(plan(7))
        stage.observer.one("delegate")
        rows = "select priority from {}.ready order by priority"
        await stage.until(lambda: stage.observer.rows(rows) == [{"priority": 1}, {"priority": 7}], 40)


async def test_a_limit_can_be_raised_and_lowered(stage: Stage) -> None:
    going = asyncio.Event()
    running = 0

    @stage.task(limit=1)
    async def narrow(payload: Any, ctx: Any) -> None:
        nonlocal running
        running += 1
        await going.wait()
        running -= 1

    async with stage.running() as orchestrator:
        stage.observer.enqueue("narrow", {}, count=6)
        await stage.until(lambda: running == 1)
        stage.tasks[0] = task("narrow", limit=3, handler=stage.tasks[0].handler)
        await orchestrator.retune(stage.plan())
        await stage.until(lambda: running == 3)
        going.set()
        await stage.until(lambda: stage.observer.counts() == {"completed": 6})


@pytest.mark.parametrize(
    ("queue", "changes", "named"),
    [
        ({"executor": "thread"}, {}, "queue `default`: executor"),
        ({"lease_ms": 9_000}, {}, "queue `default`: lease_ms"),
        ({"durability": "relaxed"}, {}, "queue `default`: durability"),
        ({}, {"handler": "tests.app.handlers:other"}, "task `plain`: handler"),
        ({}, {"version": 2}, "version"),
        ({}, {"limit": 3}, "queue `default`: lanes"),
    ],
)
async def test_what_is_no_tunable_is_refused_and_named(
    stage: Stage, queue: dict[str, Any], changes: dict[str, Any], named: str
) -> None:
    @stage.task()
    async def plain(payload: Any, ctx: Any) -> None:
        pass

    async with stage.running() as orchestrator:
        before = orchestrator.plan
        fields = {"handler": stage.tasks[0].handler, "retry": {"max_attempts": 1}, **changes}
        stage.tasks[0] = task("plain", **fields)
        with pytest.raises(PlanError, match=named):
            await orchestrator.retune(stage.plan(**queue, worker_concurrency=3))
        assert orchestrator.plan is before
        assert worker_of(orchestrator).queue.worker_concurrency == 10


async def test_a_task_more_or_less_is_no_tunable(stage: Stage) -> None:
    @stage.task()
    async def plain(payload: Any, ctx: Any) -> None:
        pass

    async with stage.running() as orchestrator:
        stage.tasks.append(task("another"))
        with pytest.raises(PlanError, match="task `another`"):
            await orchestrator.retune(stage.plan())


async def test_a_paused_orchestrator_claims_nothing_until_it_resumes(stage: Stage) -> None:
    @stage.task()
    async def plain(payload: Any, ctx: Any) -> None:
        pass

    async with stage.running() as orchestrator:
        orchestrator.pause()
        await asyncio.sleep(0.3)
        stage.observer.enqueue("plain", {}, count=5)
        await asyncio.sleep(0.5)
        assert stage.observer.counts() == {"ready": 5}
        orchestrator.resume()
        await stage.until(lambda: stage.observer.counts() == {"completed": 5})
