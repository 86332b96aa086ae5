"""Which lanes a worker asks, and how soon it looks again."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from pgconductor.runtime.lanes import Lanes
from tests.plans import make_plan, task
from tests.runtime.stage import Stage


@pytest.fixture
def lanes() -> Lanes:
    plan = make_plan(task("plain"), task("one", limit=1), task("two", limit=2))
    return Lanes(plan.queues["default"].lanes)


def taken(lanes: Lanes, count: int) -> list[str | None]:
    return [lanes.take()[1].task for _ in range(count)]


class TestLanes:
    """Turn by turn, and left alone when there is nothing to be had."""

    def test_lanes_take_turns(self, lanes: Lanes) -> None:
        assert taken(lanes, 6) == [None, "one", "two", None, "one", "two"]

    def test_one_that_came_short_is_left_alone(self, lanes: Lanes) -> None:
        lanes.came_short(1, rests_until=100.0)
        assert taken(lanes, 4) == [None, "two", None, "two"]

    def test_a_look_that_finds_rows_brings_it_back_after_its_rest(self, lanes: Lanes) -> None:
        for position in range(3):
            lanes.came_short(position, rests_until=100.0)
        assert not lanes.any_hot
        lanes.found_ready([1], now=99.0)
        assert not lanes.any_hot
        lanes.found_ready([1], now=100.0)
        assert taken(lanes, 2) == ["one", "one"]

    def test_something_new_ends_the_rest(self, lanes: Lanes) -> None:
        lanes.came_short(2, rests_until=100.0)
        lanes.end_rests()
        lanes.found_ready([2], now=1.0)
        assert "two" in taken(lanes, 3)

    def test_a_slot_that_is_free_again_is_a_reason_to_ask(self, lanes: Lanes) -> None:
        for position in range(3):
            lanes.came_short(position, rests_until=100.0)
        lanes.slot_freed("two")
        assert taken(lanes, 2) == ["two", "two"]

    def test_a_wake_up_may_be_for_any(self, lanes: Lanes) -> None:
        for position in range(3):
            lanes.came_short(position, rests_until=100.0)
        lanes.wake()
        assert taken(lanes, 3) == [None, "one", "two"]


async def test_a_delayed_execution_starts_when_it_is_due_not_a_poll_later(stage: Stage) -> None:
    started: list[float] = []

    @stage.task()
    async def later(payload: Any, ctx: Any) -> None:
        started.append(time.monotonic())

    async with stage.running(poll_interval_ms=5_000):
        await asyncio.sleep(0.3)  # idle
        began = time.monotonic()
        id = stage.observer.one("later", delay_ms=300)
        await stage.ended(id)
    assert 0.29 <= started[0] - began < 1.0


async def test_an_idle_worker_is_woken_at_once(stage: Stage) -> None:
    waits: list[float] = []

    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        waits.append(time.monotonic())

    async with stage.running(poll_interval_ms=5_000) as orchestrator:
        await stage.until(lambda: stage.observer.rows("select from {}.workers where idle"))
        for _ in range(5):
            await asyncio.sleep(0.25)
            began = time.monotonic()
            stage.observer.one("quick")
            await stage.until(lambda: waits)
            assert waits.pop() - began < 0.2
    assert orchestrator.info().workers[0].report.completed == 5


async def test_a_busy_worker_need_not_be_notified_and_an_idle_one_leaves_no_transaction_open(stage: Stage) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.01)

    async with stage.running(poll_interval_ms=1_000, worker_concurrency=2):
        stage.observer.enqueue("quick", count=200)
        await stage.until(lambda: not stage.observer.rows("select from {}.workers where idle"))
        assert stage.observer.counts().get("ready")
        await stage.until(lambda: stage.observer.counts() == {"completed": 200})
        await stage.until(lambda: stage.observer.rows("select from {}.workers where idle"))
        open_ = "datname = current_database() and state like 'idle in transaction%'"
        assert stage.observer.rows(f"select from pg_stat_activity where {open_}") == []


async def test_two_lanes_share_a_worker_and_a_limit_holds(stage: Stage) -> None:
    running, most = 0, 0

    @stage.task(limit=2)
    async def narrow(payload: Any, ctx: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1

    @stage.task()
    async def wide(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.001)

    stage.observer.enqueue("narrow", count=20, priority=100)
    stage.observer.enqueue("wide", count=200)
    async with stage.running(worker_concurrency=20):
        done = await stage.until(lambda: stage.observer.counts() == {"completed": 220})
    assert most == 2
    assert done < 5


async def test_more_lanes_than_can_be_asked_at_each_wake_up_are_all_served(stage: Stage) -> None:
    done: set[str] = set()

    async def handler(payload: Any, ctx: Any) -> None:
        done.add(ctx.task)

    names = [f"task_{n}" for n in range(6)]
    for name in names:
        handler.__name__ = name
        stage.task(limit=1)(handler)
    async with stage.running(poll_interval_ms=5_000):
        await asyncio.sleep(0.3)
        for name in names:
            stage.observer.one(name)
        assert await stage.until(lambda: done == set(names)) < 2
