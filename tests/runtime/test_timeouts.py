"""`timeout`: the wall time of one attempt, wherever its handler runs."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from pgconductor.runtime.journal import Journal
from pgconductor.store.records import Note
from tests.plans import task
from tests.runtime.stage import Stage


def assert_timed_out(row: dict[str, Any], limit_ms: int) -> None:
    message = f"the attempt took longer than its timeout of {limit_ms} ms"
    assert (row["state"], row["error"]["type"], row["error"]["message"]) == ("failed", "TimeoutError", message)


async def test_an_async_handler_is_cancelled_and_can_tidy_up(stage: Stage) -> None:
    seen: list[str] = []

    @stage.task(timeout_ms=100)
    async def slow(payload: Any, ctx: Any) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append(f"cancelled={ctx.cancelled}")
            raise

    id = stage.observer.one("slow")
    async with stage.running():
        assert_timed_out(await stage.ended(id, 5), 100)
    assert seen == ["cancelled=True"]


async def test_each_attempt_has_the_whole_time(stage: Stage) -> None:
    @stage.task(timeout_ms=150, retry={"max_attempts": 3})
    async def slow(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(30 if ctx.attempt < 3 else 0.05)

    id = stage.observer.one("slow")
    async with stage.running():
        row = await stage.ended(id)
    assert (row["state"], row["attempts"]) == ("completed", 3)


async def test_it_ends_an_attempt_that_waits_for_its_notes_to_be_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write_for_ever(self: Journal, note: Note) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(Journal, "note", write_for_ever)

    @stage.task(timeout_ms=200)
    async def changed(payload: Any, ctx: Any) -> None:
        await ctx.step("new", asyncio.sleep, 0)

    id = stage.observer.one("changed")
    stage.observer.run(  # what its code has forgotten since is worth a note
        "insert into {}.steps (execution_id, started_at, position, attempt, name, kind, state)"
        " values (%s, now(), 1, 1, 'old', 'step', 'done')",
        id,
    )
    stage.observer.run("update {}.ready set has_steps = true")
    async with stage.running():
        assert_timed_out(await stage.ended(id), 200)


async def test_who_ends_in_time_is_never_disturbed(stage: Stage) -> None:
    @stage.task(timeout_ms=200)
    async def quick(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(payload.ms / 1000)

    for n in range(50):
        stage.observer.one("quick", {"ms": n % 20})
    async with stage.running(worker_concurrency=5):
        await stage.until(lambda: stage.observer.counts() == {"completed": 50})


async def test_a_handler_that_ignores_its_cancellation_but_ends_is_still_late(stage: Stage) -> None:
    @stage.task(timeout_ms=50)
    async def deaf(payload: Any, ctx: Any) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)

    @stage.task()
    async def after(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.01)

    late, next_id = stage.observer.one("deaf", priority=1), stage.observer.one("after")
    async with stage.running(worker_concurrency=1):
        assert_timed_out(await stage.ended(late), 50)
        assert (await stage.ended(next_id))["state"] == "completed"


async def test_a_timeout_of_the_handlers_own_is_its_own_affair(stage: Stage) -> None:
    @stage.task(timeout_ms=5_000)
    async def careful(payload: Any, ctx: Any) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(30)
        await asyncio.sleep(0.01)

    id = stage.observer.one("careful")
    async with stage.running():
        assert (await stage.ended(id))["state"] == "completed"


async def test_a_thread_is_asked_and_its_execution_ends_in_time(stage: Stage) -> None:
    asked: list[float] = []

    @stage.task(timeout_ms=100)
    def slow(payload: Any, ctx: Any) -> None:
        began = time.monotonic()
        while not ctx.cancelled and time.monotonic() - began < 5:
            time.sleep(0.005)
        asked.append(time.monotonic() - began)

    id = stage.observer.one("slow")
    async with stage.running():
        assert_timed_out(await stage.ended(id, 5), 100)
        await stage.until(lambda: asked)
    assert asked[0] < 2


async def test_a_process_is_killed_and_its_neighbours_run_on(stage: Stage) -> None:
    stage.tasks += [task("answer_pid", timeout_ms=1_500, retry={"max_attempts": 1}), task("answer_square")]
    slow = stage.observer.one("answer_pid", {"ms": 60_000})
    quick = stage.observer.one("answer_square", {"n": 5})
    async with stage.running(executor="process", worker_concurrency=2):
        assert (await stage.ended(quick, 20))["result"] == 25
        assert_timed_out(await stage.ended(slow, 20), 1_500)
        again = stage.observer.one("answer_square", {"n": 6})
        assert (await stage.ended(again, 20))["result"] == 36
