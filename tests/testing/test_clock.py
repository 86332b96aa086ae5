"""The test clock moves what is due, and nobody's lease."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgconductor.errors import DatabaseError, ValidationError
from pgconductor.store.apply import apply
from pgconductor.store.upkeep import keep_up
from pgconductor.testing import Clock
from tests.plans import SCHEMA, make_plan, task
from tests.runtime.stage import Stage


@pytest.fixture
def clock(stage: Stage) -> Clock:
    return Clock(stage.dsn, SCHEMA)


def test_time_moves_on_from_where_it_is_set(clock: Clock) -> None:
    before = clock.now()
    after = clock.advance("24h")
    assert timedelta(hours=24) <= after - before < timedelta(hours=24, minutes=2)
    past = datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert clock.set(past) - past < timedelta(minutes=1)
    assert timedelta() < clock.now() - past < timedelta(minutes=2)


async def test_sleeps_and_retries_are_due(stage: Stage, clock: Clock) -> None:
    @stage.task(retry={"max_attempts": 2, "delays_ms": (3_600_000,)})
    async def answer_slow(payload: Any, ctx: Any) -> Any:
        await ctx.sleep("night", "12h")
        if ctx.attempt == 1:
            raise ValueError("once more")
        return "done"

    id = stage.observer.one("answer_slow")
    states = []
    for duration in ("1s", "12h", "1h"):
        clock.advance(duration)
        await stage.drained()
        states.append(stage.observer.state(id))
    assert states == ["scheduled", "scheduled", "completed"]


async def test_retention_passes(stage: Stage, clock: Clock) -> None:
    @stage.task(retention={"completed_ms": 3_600_000, "failed_ms": None, "cancelled_ms": None})
    async def short(payload: Any, ctx: Any) -> None: ...

    id = stage.observer.one("short")
    await stage.drained()
    keep_up(stage.dsn, SCHEMA)
    assert stage.observer.state(id) == "completed"
    clock.advance("2h")
    keep_up(stage.dsn, SCHEMA)
    assert stage.observer.state(id) is None


async def test_a_worker_that_runs_meanwhile_loses_nothing(stage: Stage, clock: Clock) -> None:
    runs: list[str] = []

    def note(name: str) -> str:
        runs.append(name)
        return name

    @stage.task(retention={"completed_ms": None, "failed_ms": None, "cancelled_ms": None})
    async def answer_busy(payload: Any, ctx: Any) -> Any:
        for number in range(200):
            await ctx.step(f"step {number}", note, f"step {number}")
        await ctx.sleep("nap", "1h")
        return len(runs)

    id = stage.observer.one("answer_busy")
    async with stage.running():
        # Into the midst of steps being saved, beats being sent and upkeep looking for the dead.
        async with asyncio.timeout(60):
            while stage.observer.state(id) != "completed":
                await asyncio.to_thread(clock.advance, "1h")
                await asyncio.sleep(0.005)
    assert (stage.observer.row(id)["result"], stage.observer.row(id)["attempts"]) == (200, 1)
    assert len(runs) == len(set(runs)), "a step ran twice: the lease had lapsed"


async def test_an_idle_worker_looks_at_once(stage: Stage, clock: Clock) -> None:
    @stage.task()
    async def nap(payload: Any, ctx: Any) -> None:
        await ctx.sleep("long", "30d")

    id = stage.observer.one("nap")
    async with stage.running(poll_interval_ms=60_000):
        await stage.until(lambda: stage.observer.state(id) == "scheduled")
        await stage.until(lambda: all(row["idle"] for row in stage.observer.rows("select idle from {}.workers")))
        await asyncio.to_thread(clock.advance, "30d")
        await stage.ended(id, 20)


def test_the_clock_of_any_other_database_stays(database: str) -> None:
    apply(database, make_plan(task("nothing")))
    clock = Clock(database, SCHEMA)
    for move in (lambda: clock.advance("1h"), lambda: clock.set(datetime.now(UTC))):
        with pytest.raises(DatabaseError, match=r"left to databases which pgconductor.testing made for a test"):
            move()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=2)


@pytest.mark.parametrize("wrong", ["-1h", -5, "soon", None])
def test_no_duration_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="the clock cannot be advanced"):
        Clock("postgresql://nowhere", SCHEMA).advance(wrong)


@pytest.mark.parametrize("wrong", ["2024-01-01", datetime(2024, 1, 1), None])
def test_no_moment_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="a datetime with a time zone"):
        Clock("postgresql://nowhere", SCHEMA).set(wrong)
