"""Executions that failed or were cancelled, taken back: what they remember, and who hears of it."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from pgconductor.errors import Fatal
from tests.app import tasks
from tests.app.tasks import Work
from tests.durable.test_waits import PAID, declare, emit
from tests.runtime.stage import Stage


@pytest.fixture
def log() -> list[str]:
    """What handlers did, in order."""
    return []


async def test_a_failed_one_keeps_its_steps_and_has_all_its_attempts_again(stage: Stage, log: list[str]) -> None:
    @stage.task(retry={"max_attempts": 2})
    async def answer_order(payload: Any, ctx: Any) -> Any:
        price = await ctx.step("price", lambda: log.append("price") or 7)
        log.append(f"attempt {ctx.attempt}")
        if log.count("attempt 1") == 1:
            raise ValueError("no")
        return price

    id = stage.observer.one("answer_order", {"n": 1}, priority=5, tags=("a",))
    await stage.drained()
    before = stage.observer.row(id)
    assert (before["state"], before["attempts"]) == ("failed", 2)
    assert stage.observer.retry(id)
    row = stage.observer.row(id)
    kept = ("id", "task", "queue", "payload", "priority", "tags", "version", "created_at", "parent_id", "error")
    assert [row[name] for name in kept] == [before[name] for name in kept]
    assert (row["state"], row["attempts"]) == ("ready", 0)
    await stage.drained()
    assert (stage.observer.row(id)["result"], stage.observer.row(id)["attempts"]) == (7, 1)
    assert log == ["price", "attempt 1", "attempt 2", "attempt 1"]
    history = stage.observer.rows("select kind, attempt, detail from {}.history order by at")
    assert [(entry["kind"], entry["attempt"]) for entry in history] == [("failed", 1), ("failed", 2), ("retried", 2)]
    assert history[1]["detail"]["message"] == "no"


async def test_what_is_completed_live_or_unknown_is_not_retried(stage: Stage) -> None:
    @stage.task()
    async def nothing(payload: Any, ctx: Any) -> None: ...

    done = stage.observer.one("nothing")
    await stage.drained()
    live = stage.observer.one("nothing")
    before = stage.observer.snapshot()
    assert [stage.observer.retry(id) for id in (done, live, live.__class__(int=7))] == [False] * 3
    assert stage.observer.snapshot() == before


async def test_the_child_that_failed_its_parent_is_invoked_anew(stage: Stage, log: list[str]) -> None:
    @stage.task()
    async def answer_child(payload: Any, ctx: Any) -> Any:
        log.append(f"child {payload.n}")
        if payload.n == 2 and log.count("child 2") == 1:
            raise Fatal("not yet")
        return payload.n

    @stage.task()
    async def answer_parent(payload: Any, ctx: Any) -> Any:
        first = await ctx.invoke("first", tasks.answer_child, Work(n=1))
        return first + await ctx.invoke("second", tasks.answer_child, Work(n=2))

    id = stage.observer.one("answer_parent")
    await stage.drained()
    assert stage.observer.error(id)["step"] == "second"
    assert stage.observer.retry(id)
    await stage.drained()
    assert stage.observer.row(id)["result"] == 3
    assert log == ["child 1", "child 2", "child 2"]


async def test_the_wait_that_timed_out_is_waited_for_anew(stage: Stage) -> None:
    @stage.task()
    async def answer_waiter(payload: Any, ctx: Any) -> Any:
        return (await ctx.wait_for("paid", PAID, timeout=0.2 if payload.ms else "1h")).amount

    declare(stage)
    id = stage.observer.one("answer_waiter", {"ms": 1})
    async with stage.running():
        assert (await stage.ended(id))["error"]["type"] == "WaitTimeout"
        assert stage.observer.retry(id)
        await stage.until(lambda: stage.observer.state(id) == "waiting")
        emit(stage, order=1, amount=20)
        assert (await stage.ended(id))["result"] == 20


async def test_of_a_cancelled_one_the_waits_are_made_anew_and_a_sleep_goes_on(stage: Stage) -> None:
    @stage.task()
    async def answer_child(payload: Any, ctx: Any) -> Any:
        await ctx.sleep("for long", "1h")

    @stage.task()
    async def parent(payload: Any, ctx: Any) -> None:
        await ctx.sleep("nap", 0.01)
        await ctx.map("children", tasks.answer_child, [Work(n=n) for n in range(3)])

    id = stage.observer.one("parent")
    async with stage.running():
        await stage.until(lambda: stage.observer.counts() == {"waiting": 1, "scheduled": 3})
        nap = stage.observer.value("select wake_at from {}.steps where name = 'nap'")
        assert stage.observer.cancel(id)
        await stage.until(lambda: stage.observer.value("select state from {}.steps where name = 'children'") == "done")
        assert stage.observer.retry(id)
        await stage.until(lambda: stage.observer.counts() == {"waiting": 1, "scheduled": 3, "cancelled": 3})
    assert stage.observer.value("select wake_at from {}.steps where name = 'nap'") == nap
    assert stage.observer.value("select pending from {}.steps where name = 'children'") == 3


async def test_a_child_of_the_wait_before_is_not_counted_for_the_one_after(stage: Stage) -> None:
    """A child that runs when its parent is cancelled ends later than that, and perhaps later than the retry."""
    ends: dict[int, asyncio.Event] = {1: asyncio.Event(), 2: asyncio.Event()}
    runs: list[int] = []

    @stage.task()
    async def answer_child(payload: Any, ctx: Any) -> Any:
        runs.append(1)
        which = len(runs)
        try:
            await ends[which].wait()
        except asyncio.CancelledError:
            await ends[which].wait()
            raise
        return which

    @stage.task()
    async def answer_parent(payload: Any, ctx: Any) -> Any:
        return await ctx.invoke("child", tasks.answer_child, Work())

    id = stage.observer.one("answer_parent")
    async with stage.running():
        await stage.until(lambda: len(runs) == 1)
        assert stage.observer.cancel(id)
        assert stage.observer.retry(id)
        await stage.until(lambda: len(runs) == 2)
        ends[1].set()
        await stage.until(lambda: stage.observer.counts().get("cancelled") == 1)
        await stage.until(lambda: not stage.observer.rows("select from {}.ended_children"))
        assert stage.observer.state(id) == "waiting"
        ends[2].set()
        assert (await stage.ended(id))["result"] == 2


async def test_from_a_step_on_everything_is_forgotten(stage: Stage, log: list[str]) -> None:
    @stage.task()
    async def answer_order(payload: Any, ctx: Any) -> Any:
        for name in ("reserve", "charge", "ship"):
            await ctx.step(name, log.append, name)
        if log.count("ship") == 1:
            raise ValueError("no")

    id = stage.observer.one("answer_order")
    await stage.drained()
    with pytest.raises(
        psycopg.errors.InvalidParameterValue, match='no step "pay"; there are "reserve", "charge", "ship"'
    ):
        stage.observer.retry(id, "pay")
    assert stage.observer.retry(id, "charge")
    await stage.drained()
    assert stage.observer.state(id) == "completed"
    assert log == ["reserve", "charge", "ship", "charge", "ship"]


async def test_a_retried_child_is_waited_for_by_a_parent_that_waits_still(stage: Stage, log: list[str]) -> None:
    hold = asyncio.Event()

    @stage.task()
    async def answer_child(payload: Any, ctx: Any) -> Any:
        log.append(f"child {payload.n}")
        if payload.n:
            await hold.wait()
        elif log.count("child 0") == 1:
            raise ValueError("not yet")
        return payload.n + 10

    @stage.task()
    async def answer_parent(payload: Any, ctx: Any) -> Any:
        return await ctx.map("children", tasks.answer_child, [Work(n=0), Work(n=1)])

    id = stage.observer.one("answer_parent")
    async with stage.running():
        await stage.until(lambda: stage.observer.counts() == {"waiting": 1, "running": 1, "failed": 1})
        await stage.until(lambda: stage.observer.value("select pending from {}.steps") == 1)
        (child,) = stage.observer.rows("select id from {}.finished")
        assert stage.observer.retry(child["id"])
        await stage.until(lambda: stage.observer.counts() == {"waiting": 1, "running": 1, "completed": 1})
        hold.set()
        assert (await stage.ended(id))["result"] == [10, 11]


async def test_a_retried_child_keeps_to_its_parents_max_parallel(stage: Stage, log: list[str]) -> None:
    hold = asyncio.Event()

    @stage.task()
    async def answer_child(payload: Any, ctx: Any) -> Any:
        await ctx.step("once", log.append, f"child {payload.n}")
        if payload.n:
            await hold.wait()
        elif log.count("child 0 failed") == 0:
            log.append("child 0 failed")
            raise ValueError("not yet")
        return payload.n

    @stage.task()
    async def answer_parent(payload: Any, ctx: Any) -> Any:
        return await ctx.map("children", tasks.answer_child, [Work(n=n) for n in range(3)], max_parallel=1)

    id = stage.observer.one("answer_parent")
    async with stage.running():
        await stage.until(lambda: stage.observer.counts() == {"waiting": 2, "running": 1, "failed": 1})
        (child,) = stage.observer.rows("select id from {}.finished")
        assert stage.observer.retry(child["id"])
        assert stage.observer.counts() == {"waiting": 3, "running": 1}
        hold.set()
        assert (await stage.ended(id))["result"] == [0, 1, 2]
    assert log.count("child 0") == 1


async def test_a_parent_that_went_on_is_not_disturbed(stage: Stage) -> None:
    @stage.task()
    async def broken(payload: Any, ctx: Any) -> None:
        raise ValueError("no")

    @stage.task()
    async def answer_parent(payload: Any, ctx: Any) -> Any:
        (result,) = await ctx.map("children", tasks.broken, [Work()], return_errors=True)
        await ctx.wait_for("paid", PAID)
        return result.error_type

    declare(stage)
    id = stage.observer.one("answer_parent")
    async with stage.running():
        await stage.until(lambda: stage.observer.rows("select from {}.steps where kind = 'event'"))
        (child,) = stage.observer.rows("select id from {}.finished")
        with pytest.raises(psycopg.errors.InvalidParameterValue, match=r"its parent .* goes on"):
            stage.observer.retry(child["id"])
        emit(stage, order=1)
        assert (await stage.ended(id))["result"] == "ValueError"
        assert stage.observer.retry(child["id"])
        await stage.ended(child["id"])
    assert stage.observer.row(id)["result"] == "ValueError"


async def test_what_a_retried_parent_remembers_of_its_children_outlives_their_retention(stage: Stage) -> None:
    gone = {"completed_ms": 0, "failed_ms": 0, "cancelled_ms": 0}

    @stage.task(retention=gone)
    async def answer_child(payload: Any, ctx: Any) -> Any:
        return 7

    failures: list[int] = []

    @stage.task()
    async def answer_parent(payload: Any, ctx: Any) -> Any:
        found = await ctx.invoke("child", tasks.answer_child, Work())
        if not failures:
            failures.append(1)
            raise ValueError("no")
        return found

    id = stage.observer.one("answer_parent")
    await stage.drained()
    stage.observer.prune()
    assert stage.observer.retry(id)
    await stage.drained()
    assert stage.observer.row(id)["result"] == 7
    stage.observer.prune()
    assert stage.observer.counts() == {"completed": 1}


async def test_one_that_is_not_kept_leaves_nothing_behind_when_it_ends(stage: Stage) -> None:
    failures: list[int] = []

    @stage.task(retention={"completed_ms": 0, "failed_ms": None, "cancelled_ms": None})
    async def fussy(payload: Any, ctx: Any) -> None:
        if not failures:
            failures.append(1)
            raise ValueError("no")

    id = stage.observer.one("fussy")
    await stage.drained()
    assert stage.observer.retry(id)
    await stage.drained()
    assert stage.observer.state(id) is None
    assert stage.observer.rows("select * from {}.history") == []
