"""Replay: what may not be swallowed, what is noticed of changed code, and where a handler is left."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from datetime import datetime
from typing import Any

import psycopg
import pytest

from pgconductor.errors import ValidationError
from tests.app import tasks
from tests.app.tasks import Work
from tests.plans import task
from tests.runtime.stage import Stage


async def test_a_suspension_passes_except_exception(stage: Stage) -> None:
    swallowed: list[BaseException] = []

    @stage.task()
    async def careless(payload: Any, ctx: Any) -> None:
        try:
            await ctx.sleep("nap", 0.01)
        except Exception as error:
            swallowed.append(error)

    id = stage.observer.one("careless")
    async with stage.running():
        assert (await stage.ended(id))["state"] == "completed"
    assert swallowed == []


async def test_a_swallowed_suspension_fails_naming_the_line(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 5})
    async def greedy(payload: Any, ctx: Any) -> None:
        with contextlib.suppress(BaseException):
            await ctx.sleep("nap", "1h")

    @stage.task(retry={"max_attempts": 5})
    def greedy_sync(payload: Any, ctx: Any) -> None:
        with contextlib.suppress(BaseException):
            ctx.sleep("nap", "1h")

    ids = [stage.observer.one("greedy"), stage.observer.one("greedy_sync")]
    await stage.drained()
    for id in ids:
        error = stage.observer.error(id)
        assert error["type"] == "ReplayError"
        assert "test_replay.py:" in error["message"]
        assert stage.observer.row(id)["attempts"] == 1


async def test_returning_while_a_child_is_pending_fails(stage: Stage) -> None:
    @stage.task()
    async def child(payload: Any, ctx: Any) -> None: ...

    @stage.task()
    async def impatient(payload: Any, ctx: Any) -> None:
        waiting = asyncio.ensure_future(ctx.invoke("child", tasks.child, Work()))
        await asyncio.sleep(0.05)
        with contextlib.suppress(BaseException):
            waiting.exception()

    id = stage.observer.one("impatient")
    await stage.drained()
    assert stage.observer.error(id)["type"] == "ReplayError"
    assert stage.observer.counts() == {"failed": 1}  # nothing was enqueued


async def test_finally_blocks_run_and_what_they_call_is_left_too(stage: Stage) -> None:
    seen: list[str] = []

    @stage.task()
    async def tidy(payload: Any, ctx: Any) -> None:
        try:
            await ctx.sleep("nap", 0.05)
        finally:
            seen.append("finally")
            await ctx.step("report", lambda: 1)

    id = stage.observer.one("tidy")
    async with stage.running():
        assert (await stage.ended(id))["state"] == "completed"
    assert seen == ["finally", "finally"]


async def test_a_sleeper_is_due_when_its_sleep_is_over_and_no_earlier(stage: Stage) -> None:
    @stage.task()
    async def sleeps(payload: Any, ctx: Any) -> None:
        await ctx.sleep("nap", "1h")

    stage.observer.enqueue("sleeps", count=100)
    async with stage.running():
        await stage.until(lambda: stage.observer.counts() == {"scheduled": 100})
    early = "select from {}.scheduled as e join {}.steps as s on s.execution_id = e.id where e.run_at <> s.wake_at"
    assert stage.observer.rows(early) == []


async def test_a_step_that_disappeared_or_moved_is_told_in_the_history(stage: Stage) -> None:
    runs: list[int] = []

    @stage.task(retry={"max_attempts": 2})
    async def changing(payload: Any, ctx: Any) -> None:
        runs.append(1)
        names = ["a", "b", "c"] if len(runs) == 1 else ["c", "a"]
        for name in names:
            await ctx.step(name, lambda: 1)
        if len(runs) == 1:
            raise ValueError("deploy")

    id = stage.observer.one("changing")
    await stage.drained()
    assert stage.observer.state(id) == "completed"
    notes = stage.observer.rows("select detail from {}.history where execution_id = %s and kind = 'changed'", id)
    assert [note["detail"] for note in notes] == [
        {"step": "b", "change": "disappeared"},
        {"step": "a", "change": "moved"},
    ]


async def test_branches_that_end_in_another_order_are_no_change(stage: Stage) -> None:
    runs: list[int] = []

    async def after(seconds: float) -> None:
        await asyncio.sleep(seconds)

    @stage.task(retry={"max_attempts": 3})
    async def branching(payload: Any, ctx: Any) -> None:
        runs.append(1)

        async def branch(name: str, pause: float) -> None:
            await ctx.step(f"{name} 1", after, pause)
            await ctx.step(f"{name} 2", after, pause)

        async with asyncio.TaskGroup() as group:
            group.create_task(branch("slow", 0.03))
            group.create_task(branch("fast", 0.0))
        if len(runs) < 3:
            raise ValueError

    id = stage.observer.one("branching")
    await stage.drained()
    assert stage.observer.state(id) == "completed"
    assert stage.observer.rows("select * from {}.history where kind = 'changed'") == []


async def test_a_name_that_means_another_kind_of_call_fails(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 3})
    async def confused(payload: Any, ctx: Any) -> None:
        if ctx.attempt == 1:
            await ctx.step("thing", lambda: 1)
            raise ValueError
        await ctx.sleep("thing", 1)

    id = stage.observer.one("confused")
    await stage.drained()
    error = stage.observer.error(id)
    assert error["type"] == "ReplayError"
    assert "`thing` is a sleep now, and was a step" in error["message"]


@pytest.mark.parametrize("duration", [-1, "-5m", float("nan"), "soon", 1e12, True])
async def test_absurd_durations_are_refused_at_the_call(stage: Stage, duration: Any) -> None:
    caught: list[Exception] = []

    @stage.task()
    async def absurd(payload: Any, ctx: Any) -> None:
        try:
            await ctx.sleep("nap", duration)
        except (ValidationError, TypeError) as error:
            caught.append(error)

    stage.observer.one("absurd")
    await stage.drained()
    assert "`nap`" in str(caught[0])


async def test_a_moment_without_a_zone_is_refused_at_the_call(stage: Stage) -> None:
    caught: list[Exception] = []

    @stage.task()
    async def zoneless(payload: Any, ctx: Any) -> None:
        try:
            await ctx.sleep_until("then", datetime(2030, 1, 1))
        except ValidationError as error:
            caught.append(error)

    stage.observer.one("zoneless")
    await stage.drained()
    assert "time zone" in str(caught[0])


async def test_a_transaction_commits_its_writes_and_its_record_together(stage: Stage) -> None:
    async def reserve(connection: psycopg.AsyncConnection[Any], n: int) -> int:
        await connection.execute("insert into stock values (%s)", (n,))
        return n + 1

    async def break_off(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute("insert into stock values (99)")
        raise ValueError("no")

    @stage.task(retry={"max_attempts": 3})
    async def answer_order(payload: Any, ctx: Any) -> Any:
        value = await ctx.transaction("reserve", reserve, 1)
        if ctx.attempt < 3:
            await ctx.transaction("break off", break_off)
        return value

    stage.observer.run("create table stock (n int)")
    id = stage.observer.one("answer_order")
    await stage.drained()
    assert stage.observer.row(id)["result"] == 2
    assert stage.observer.rows("select n from stock") == [{"n": 1}]


async def test_a_sync_transaction_does_the_same(stage: Stage) -> None:
    def reserve(connection: psycopg.Connection[Any], n: int) -> int:
        connection.execute("insert into stock values (%s)", (n,))
        return n + 1

    @stage.task(retry={"max_attempts": 3})
    def answer_order(payload: Any, ctx: Any) -> Any:
        @ctx.transaction("again")
        def again(connection: psycopg.Connection[Any]) -> None:
            connection.execute("insert into stock values (7)")

        value = ctx.transaction("reserve", reserve, 1)
        again()
        if ctx.attempt < 3:
            raise ValueError
        return value

    stage.observer.run("create table stock (n int)")
    id = stage.observer.one("answer_order")
    await stage.drained()
    assert stage.observer.row(id)["result"] == 2
    assert stage.observer.rows("select n from stock order by n") == [{"n": 1}, {"n": 7}]


async def test_a_cancel_is_noticed_at_the_next_step_at_the_latest(stage: Stage) -> None:
    steps: list[int] = []
    begun = threading.Event()

    def count() -> None:
        steps.append(1)
        begun.set()
        threading.Event().wait(0.05)

    @stage.task()
    def stubborn(payload: Any, ctx: Any) -> None:
        for n in range(200):
            ctx.step(f"step {n}", count)

    id = stage.observer.one("stubborn")
    async with stage.running():
        await stage.until(begun.is_set)
        assert stage.observer.cancel(id, "enough")
        row = await stage.ended(id)
    assert (row["state"], row["error"]["message"]) == ("cancelled", "enough")
    assert len(steps) < 20


async def test_a_shutdown_leaves_a_handler_at_its_next_step_and_another_goes_on_from_there(stage: Stage) -> None:
    calls: list[int] = []

    async def work(n: int) -> int:
        calls.append(n)
        await asyncio.sleep(0.05)
        return n

    @stage.task()
    async def answer_long(payload: Any, ctx: Any) -> Any:
        return [await ctx.step(f"part {n}", work, n) for n in range(8)]

    id = stage.observer.one("answer_long")
    async with stage.running():
        await stage.until(lambda: len(calls) >= 2)
    assert stage.observer.state(id) == "ready"
    assert stage.observer.row(id)["attempts"] == 0
    left_at = len(calls)
    assert left_at < 8
    await stage.drained()
    assert stage.observer.row(id)["result"] == list(range(8))
    assert calls == list(range(8))


async def test_checkpoint_is_a_point_to_be_left_at(stage: Stage) -> None:
    rounds: list[int] = []

    @stage.task()
    async def endless(payload: Any, ctx: Any) -> None:
        while True:
            rounds.append(1)
            await ctx.checkpoint()

    @stage.task()
    def endless_sync(payload: Any, ctx: Any) -> None:
        while True:
            rounds.append(1)
            ctx.checkpoint()

    ids = [stage.observer.one("endless"), stage.observer.one("endless_sync")]
    async with stage.running(drain_timeout_ms=30_000):
        await stage.until(lambda: len(rounds) > 10)
    assert [stage.observer.state(id) for id in ids] == ["ready", "ready"]


async def test_progress_is_written_soon_and_only_the_latest(stage: Stage) -> None:
    release = asyncio.Event()

    @stage.task()
    async def slow(payload: Any, ctx: Any) -> None:
        for n in range(1000):
            ctx.progress(n, 1000, "counting")
        await release.wait()

    id = stage.observer.one("slow")
    async with stage.running():
        await stage.until(lambda: stage.observer.rows("select * from {}.progress"), 10)
        (row,) = stage.observer.rows("select execution_id, done, total, note from {}.progress")
        release.set()
        await stage.ended(id)
    assert row == {"execution_id": id, "done": 999.0, "total": 1000.0, "note": "counting"}


async def test_the_last_progress_of_an_attempt_is_written_before_its_outcome(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 1})
    async def fails(payload: Any, ctx: Any) -> None:
        ctx.progress(1, 3)
        ctx.progress(2, 3, "the last but one")
        raise LookupError

    @stage.task()
    async def parks(payload: Any, ctx: Any) -> None:
        ctx.progress(1, 2, "asleep")
        await ctx.sleep("long", "1h")

    @stage.task(retention={"completed_ms": 0, "failed_ms": None, "cancelled_ms": None})
    async def vanishes(payload: Any, ctx: Any) -> None:
        ctx.progress(3, 3)

    gone = stage.observer.one("vanishes")
    failed, parked = stage.observer.one("fails"), stage.observer.one("parks")
    async with stage.running():
        await stage.ended(failed)
        await stage.until(lambda: stage.observer.state(gone) is None)
        await stage.until(lambda: stage.observer.state(parked) == "scheduled")
        rows = stage.observer.rows("select execution_id, done, total, note from {}.progress order by done")
    assert [tuple(row.values()) for row in rows] == [
        (parked, 1.0, 2.0, "asleep"), (failed, 2.0, 3.0, "the last but one"),
    ]  # fmt: skip


async def test_progress_in_words_that_cannot_be_stored_costs_nobody_anything(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 1})
    async def says(payload: Any, ctx: Any) -> None:
        ctx.progress(1, 2, "a\0b\ud800" + "c" * 10_000)
        await ctx.step("saved", lambda: 1)
        raise LookupError

    id = stage.observer.one("says")
    async with stage.running():
        await stage.ended(id)
    (row,) = stage.observer.rows("select note from {}.progress")
    assert row["note"].startswith("a\ufffdb?ccc")
    assert len(row["note"]) <= 1100


async def test_a_child_of_a_task_nobody_serves_is_refused_without_a_timeout(stage: Stage) -> None:
    caught: list[str] = []

    stage.tasks.append(task("orphan", handler=None))

    @stage.task()
    async def parent(payload: Any, ctx: Any) -> None:
        try:
            await ctx.invoke("child", tasks.orphan, Work())
        except ValidationError as error:
            caught.append(str(error))

    stage.observer.one("parent")
    await stage.drained()
    assert "has no handler" in caught[0]
