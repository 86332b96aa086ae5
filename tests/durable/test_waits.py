"""Sleeps, children and events: the worker is free meanwhile, and nothing waits for what can no longer happen."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from pgconductor.api.event import Event
from pgconductor.api.model import Model
from pgconductor.errors import ChildFailed, ChildTimeout, WaitTimeout
from tests.app import tasks
from tests.app.tasks import Work
from tests.runtime.stage import Stage


class Paid(Model, frozen=True):
    order: int
    amount: int = 0


PAID = Event("order.paid", Paid)


async def test_a_sleep_frees_the_worker_and_costs_no_attempt(stage: Stage) -> None:
    runs: list[int] = []

    @stage.task()
    async def answer_sleeper(payload: Any, ctx: Any) -> Any:
        runs.append(ctx.attempt)
        await ctx.sleep("nap", 0.3)
        return "rested"

    id = stage.observer.one("answer_sleeper")
    async with stage.running(worker_concurrency=1):
        began = time.monotonic()
        await stage.until(lambda: stage.observer.state(id) == "scheduled")
        row = await stage.ended(id)
        assert time.monotonic() - began > 0.25
    assert (row["result"], row["attempts"], runs) == ("rested", 1, [1, 1])


async def test_sleep_until_goes_on_at_the_moment(stage: Stage) -> None:
    @stage.task()
    async def until(payload: Any, ctx: Any) -> None:
        await ctx.sleep_until("past", datetime.now(UTC) - timedelta(days=1))
        await ctx.sleep_until("soon", datetime.now(UTC) + timedelta(seconds=0.2))

    id = stage.observer.one("until")
    async with stage.running():
        assert (await stage.ended(id))["state"] == "completed"


async def test_a_parent_gets_its_childs_typed_result(stage: Stage) -> None:
    @stage.task()
    async def answer_child(payload: Any, ctx: Any) -> Any:
        return payload.n * 2

    @stage.task()
    async def answer_parent(payload: Any, ctx: Any) -> Any:
        first = await ctx.invoke("first", tasks.answer_child, Work(n=1))
        second = await ctx.invoke("second", tasks.answer_child, Work(n=first))
        return [first, second]

    id = stage.observer.one("answer_parent")
    await stage.drained()
    assert stage.observer.row(id)["result"] == [2, 4]
    assert stage.observer.row(id)["attempts"] == 1


async def test_a_sync_parent_does_the_same(stage: Stage) -> None:
    @stage.task()
    async def answer_child(payload: Any, ctx: Any) -> Any:
        return payload.n * 2

    @stage.task()
    def answer_parent(payload: Any, ctx: Any) -> Any:
        ctx.sleep("nap", 0)
        return [
            ctx.invoke("first", tasks.answer_child, Work(n=1)),
            *ctx.map("rest", tasks.answer_child, [Work(n=n) for n in range(3)]),
        ]

    id = stage.observer.one("answer_parent")
    await stage.drained()
    assert stage.observer.row(id)["result"] == [2, 0, 2, 4]


async def test_a_map_is_one_park_and_one_resume_however_many(stage: Stage) -> None:
    runs: list[int] = []

    @stage.task(retention={"completed_ms": 0, "failed_ms": 0, "cancelled_ms": 0})
    async def answer_part(payload: Any, ctx: Any) -> Any:
        return payload.n

    @stage.task()
    async def answer_whole(payload: Any, ctx: Any) -> Any:
        runs.append(1)
        return sum(await ctx.map("parts", tasks.answer_part, [Work(n=n) for n in range(1000)]))

    id = stage.observer.one("answer_whole")
    await stage.drained()
    assert stage.observer.row(id)["result"] == sum(range(1000))
    assert len(runs) == 2


async def test_max_parallel_holds(stage: Stage) -> None:
    now: set[int] = set()
    most: list[int] = []

    @stage.task()
    async def part(payload: Any, ctx: Any) -> None:
        now.add(payload.n)
        most.append(len(now))
        await asyncio.sleep(0.01)
        now.discard(payload.n)

    @stage.task()
    async def whole(payload: Any, ctx: Any) -> None:
        await ctx.map("parts", tasks.part, [Work(n=n) for n in range(20)], max_parallel=3)

    id = stage.observer.one("whole")
    async with stage.running(worker_concurrency=50):
        assert (await stage.ended(id))["state"] == "completed"
    assert len(most) == 20
    assert max(most) <= 3


async def test_a_failed_child_raises_in_its_parent(stage: Stage) -> None:
    caught: list[ChildFailed] = []

    @stage.task()
    async def broken(payload: Any, ctx: Any) -> None:
        raise ValueError("no such thing")

    @stage.task()
    async def answer_careful(payload: Any, ctx: Any) -> Any:
        try:
            await ctx.invoke("try", tasks.broken, Work())
        except ChildFailed as error:
            caught.append(error)
        results = await ctx.map("all", tasks.broken, [Work(), Work()], return_errors=True)
        return [type(result).__name__ for result in results]

    id = stage.observer.one("answer_careful")
    await stage.drained()
    assert stage.observer.row(id)["result"] == ["ChildFailed", "ChildFailed"]
    assert (caught[0].error_type, caught[0].reason, caught[0].task) == ("ValueError", "no such thing", "broken")


async def test_a_failed_child_is_invoked_anew_by_the_next_attempt_of_its_parent(stage: Stage) -> None:
    calls: list[int] = []

    @stage.task()
    async def answer_flaky(payload: Any, ctx: Any) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("not yet")
        return len(calls)

    @stage.task(retry={"max_attempts": 5})
    async def answer_persistent(payload: Any, ctx: Any) -> Any:
        return await ctx.invoke("try", tasks.answer_flaky, Work())

    id = stage.observer.one("answer_persistent")
    await stage.drained()
    assert (stage.observer.row(id)["result"], stage.observer.row(id)["attempts"]) == (3, 3), (
        stage.observer.rows("select id,state,task,attempts,parent_step from {}.executions")
        + stage.observer.rows("select * from {}.steps")
        + stage.observer.rows("select * from {}.ended_children")
    )


async def test_a_failure_at_any_depth_reaches_the_top(stage: Stage) -> None:
    @stage.task()
    async def level(payload: Any, ctx: Any) -> None:
        if payload.n == 0:
            raise ValueError("the bottom")
        await ctx.invoke("down", tasks.level, Work(n=payload.n - 1))

    id = stage.observer.one("level", {"n": 6})
    await stage.drained()
    assert stage.observer.error(id)["type"] == "ChildFailed"
    assert stage.observer.counts() == {"failed": 7}


async def test_a_cancelled_child_wakes_its_parent(stage: Stage) -> None:
    @stage.task()
    async def child(payload: Any, ctx: Any) -> None:
        await ctx.sleep("for long", "1h")

    @stage.task()
    async def parent(payload: Any, ctx: Any) -> None:
        await ctx.invoke("child", tasks.child, Work())

    id = stage.observer.one("parent")
    async with stage.running():
        await stage.until(lambda: stage.observer.counts() == {"waiting": 1, "scheduled": 1})
        (found,) = stage.observer.rows("select id from {}.scheduled")
        assert stage.observer.cancel(found["id"], "by hand")
        row = await stage.ended(id)
    assert row["state"] == "failed"
    assert "by hand" in row["error"]["message"]


async def test_a_child_that_takes_too_long_is_cancelled(stage: Stage) -> None:
    caught: list[str] = []

    @stage.task()
    async def child(payload: Any, ctx: Any) -> None:
        if payload.n:
            await asyncio.sleep(30)
        else:
            await ctx.sleep("for long", "1h")

    @stage.task()
    async def parent(payload: Any, ctx: Any) -> None:
        with contextlib.suppress(ChildTimeout):
            await ctx.invoke("asleep", tasks.child, Work(), timeout=0.1)
        try:
            await ctx.invoke("running", tasks.child, Work(n=1), timeout=0.1)
        except ChildTimeout as error:
            caught.append(str(error))

    id = stage.observer.one("parent")
    async with stage.running():
        assert (await stage.ended(id))["state"] == "completed"
        await stage.until(lambda: stage.observer.counts() == {"completed": 1, "cancelled": 2})
    assert "`running`" in caught[0]


async def test_cancelling_a_parent_cancels_its_children(stage: Stage) -> None:
    @stage.task()
    async def child(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(30)

    @stage.task()
    async def middle(payload: Any, ctx: Any) -> None:
        await ctx.map("children", tasks.child, [Work(n=n) for n in range(5)], max_parallel=2)

    @stage.task()
    async def top(payload: Any, ctx: Any) -> None:
        await ctx.invoke("middle", tasks.middle, Work())

    id = stage.observer.one("top")
    async with stage.running():
        await stage.until(lambda: stage.observer.counts() == {"waiting": 5, "running": 2})
        assert stage.observer.cancel(id)
        await stage.until(lambda: stage.observer.counts() == {"cancelled": 7})


async def test_parallel_invocations_are_one_park(stage: Stage) -> None:
    runs: list[int] = []

    @stage.task()
    async def answer_child(payload: Any, ctx: Any) -> Any:
        await asyncio.sleep(payload.ms / 1000)
        return payload.n

    @stage.task()
    async def answer_parent(payload: Any, ctx: Any) -> Any:
        runs.append(1)
        async with asyncio.TaskGroup() as group:
            made = [
                group.create_task(ctx.invoke(f"child {n}", tasks.answer_child, Work(n=n, ms=n * 100))) for n in range(3)
            ]
        return [task.result() for task in made]

    id = stage.observer.one("answer_parent")
    async with stage.running():
        row = await stage.ended(id)
    assert row["result"] == [0, 1, 2], row["error"]
    assert len(runs) <= 4


async def test_an_event_wakes_those_it_matches(stage: Stage) -> None:
    @stage.task()
    async def answer_waiter(payload: Any, ctx: Any) -> Any:
        paid = await ctx.wait_for("paid", PAID, where={"order": payload.n})
        return paid.amount

    @stage.task()
    async def answer_any(payload: Any, ctx: Any) -> Any:
        return (await ctx.wait_for("paid", PAID)).order

    one, two = stage.observer.one("answer_waiter", {"n": 1}), stage.observer.one("answer_waiter", {"n": 2})
    whichever = stage.observer.one("answer_any")
    declare(stage)
    async with stage.running():
        await stage.until(lambda: stage.observer.counts() == {"waiting": 3})
        emit(stage, order=2, amount=20)
        assert (await stage.ended(two))["result"] == 20
        assert (await stage.ended(whichever))["result"] == 2
        assert stage.observer.state(one) == "waiting"
        emit(stage, order=1, amount=10)
        assert (await stage.ended(one))["result"] == 10


async def test_a_wait_for_an_event_times_out(stage: Stage) -> None:
    @stage.task()
    async def answer_waiter(payload: Any, ctx: Any) -> Any:
        try:
            await ctx.wait_for("paid", PAID, timeout=0.2)
        except WaitTimeout as error:
            return str(error)

    id = stage.observer.one("answer_waiter")
    declare(stage)
    async with stage.running():
        assert "`order.paid`" in (await stage.ended(id))["result"]


async def test_ctx_emit_emits_once(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 2})
    async def emitter(payload: Any, ctx: Any) -> None:
        await ctx.emit("tell", PAID, Paid(order=7))
        if ctx.attempt == 1:
            raise ValueError

    declare(stage)
    stage.observer.one("emitter")
    await stage.drained()
    assert [row["payload"] for row in stage.observer.rows("select payload from {}.events")] == [
        {"order": 7, "amount": 0}
    ]


def declare(stage: Stage) -> None:
    stage.observer.run("insert into {}.event_types values ('order.paid', '1 day', '1')")


def emit(stage: Stage, **payload: int) -> None:
    stage.observer.value("select {}.emit('order.paid', %s)", PAID.encode(Paid(**payload)).decode())
