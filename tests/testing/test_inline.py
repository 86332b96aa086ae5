"""Handlers run inline: the semantics of a worker without one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgconductor.api.event import Event
from pgconductor.api.model import Model
from pgconductor.errors import (
    BindingError,
    ChildFailed,
    ChildTimeout,
    ConductorError,
    ReplayError,
    ValidationError,
    WaitTimeout,
)
from pgconductor.testing import Run, inline, run_handler, run_handler_sync
from tests.app import tasks
from tests.app.inline import handlers
from tests.app.tasks import Work
from tests.plans import PACKAGE, make_plan, task


class Paid(Model, frozen=True):
    order: int


PAID = Event("order.paid", Paid)


@pytest.fixture(autouse=True)
def _plan(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    names = ("answer_it", "answer_child")
    plan = make_plan(*(task(name, handler=f"{PACKAGE}.inline:handlers.{name}") for name in names))
    monkeypatch.setattr(inline, "_plan_of", lambda _: plan)
    handlers.answer_child = None
    yield
    handlers.__dict__.clear()


async def run(handler: Any, **given: Any) -> Run[Any]:
    handlers.answer_it = handler
    return await run_handler(tasks.answer_it, Work(n=1), **given)


async def test_steps_run_once_and_code_between_them_again() -> None:
    lines: list[str] = []

    async def handler(payload: Work, ctx: Any) -> Any:
        lines.append("start")
        got = await ctx.step("first", lambda: lines.append("first"))
        await ctx.sleep("nap", "24h")
        await ctx.sleep_until("then", datetime(2030, 1, 1, tzinfo=UTC))
        return [got, ctx.attempt, ctx.deps]

    done = await run(handler, deps="deps", attempt=3)
    assert done.result == [None, 3, "deps"]
    assert lines == ["start", "first", "start", "start"]
    assert [(call.name, call.kind, call.duration, call.until) for call in done.calls] == [
        ("first", "step", None, None),
        ("nap", "sleep", timedelta(days=1), None),
        ("then", "sleep", None, datetime(2030, 1, 1, tzinfo=UTC)),
    ]


async def test_children_and_events_are_answered_and_typed() -> None:
    async def handler(payload: Work, ctx: Any) -> Any:
        paid = await ctx.wait_for("paid", PAID, where={"order": payload.n}, timeout="1d")
        one = await ctx.invoke("one", tasks.answer_child, Work(n=2))
        many = await ctx.map("many", tasks.answer_child, [Work(n=n) for n in range(3)])
        await ctx.emit("tell", PAID, Paid(order=9))
        return [paid.order, one, many]

    done = await run(handler, children={tasks.answer_child: lambda work: work.n * 10}, events={PAID: Paid(order=1)})
    assert done.result == [1, 20, [0, 10, 20]]
    assert done["paid"].where == {"order": 1}
    assert done["many"].payloads[2]["n"] == 2
    assert (done["tell"].target, done["tell"].payloads) == ("order.paid", ({"order": 9},))


async def test_an_answer_by_the_name_of_the_call_goes_first() -> None:
    async def handler(payload: Work, ctx: Any) -> Any:
        return [await ctx.invoke(name, tasks.answer_child, Work()) for name in ("a", "b")]

    assert (await run(handler, children={"answer_child": 1, "b": 2})).result == [1, 2]


async def test_children_fail_and_waits_time_out_on_demand() -> None:
    async def handler(payload: Work, ctx: Any) -> Any:
        caught = []
        for name in ("broken", "late"):
            try:
                await ctx.invoke(name, tasks.answer_child, Work(), timeout="1h")
            except (ChildFailed, ChildTimeout) as error:
                caught.append(f"{type(error).__name__} {error.error_type}")
        try:
            await ctx.wait_for("paid", PAID, timeout="1h")
        except WaitTimeout:
            caught.append("WaitTimeout")
        return caught

    done = await run(handler, children={"broken": ValueError("no"), "late": ChildTimeout}, events={PAID: WaitTimeout})
    assert done.result == ["ChildFailed ValueError", "ChildTimeout None", "WaitTimeout"]


async def test_branches_wait_side_by_side() -> None:
    async def handler(payload: Work, ctx: Any) -> Any:
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(ctx.invoke(f"{n}", tasks.answer_child, Work(n=n))) for n in range(3)]
        return [one.result() for one in made]

    assert (await run(handler, children={tasks.answer_child: lambda work: work.n})).result == [0, 1, 2]


async def test_what_has_no_answer_says_how_to_give_one() -> None:
    async def waits(payload: Work, ctx: Any) -> Any:
        await ctx.wait_for("paid", PAID)

    async def invokes(payload: Work, ctx: Any) -> Any:
        await ctx.invoke("child", tasks.answer_child, Work())

    with pytest.raises(LookupError, match=r"`paid` for event `order.paid`: give `events=\{'order.paid': ...\}`"):
        await run(waits)
    with pytest.raises(LookupError, match=r"`child` for task `answer_child`: give `children=\{'answer_child': ...\}`"):
        await run(invokes)


async def test_an_event_that_does_not_match_is_refused() -> None:
    async def handler(payload: Work, ctx: Any) -> Any:
        await ctx.wait_for("paid", PAID, where={"order": 1})

    with pytest.raises(ValidationError, match="order = 1: the answer given does not match"):
        await run(handler, events={PAID: Paid(order=2)})


async def test_a_transaction_needs_a_connection() -> None:
    async def use(connection: Any) -> str:
        return f"on {connection}"

    async def handler(payload: Work, ctx: Any) -> Any:
        return await ctx.transaction("write", use)

    with pytest.raises(ConductorError, match="`write` is a transaction"):
        await run(handler)
    assert (await run(handler, connection="mine")).result == "on mine"


async def test_what_the_handler_raises_is_raised_with_its_calls() -> None:
    async def handler(payload: Work, ctx: Any) -> Any:
        await ctx.step("first", str)
        raise KeyError("gone")

    with pytest.raises(KeyError) as caught:
        await run(handler)
    assert caught.value.__notes__ == ["durable calls made before: first"]


async def test_a_handler_that_is_not_repeatable_is_found_out() -> None:
    runs: list[int] = []

    async def handler(payload: Work, ctx: Any) -> Any:
        runs.append(1)
        if len(runs) == 1:
            await ctx.step("only once", str)
        await ctx.sleep("nap", 1)

    with pytest.raises(ReplayError, match="`only once` disappeared"):
        await run(handler)


async def test_swallowing_a_suspension_fails_as_on_a_worker() -> None:
    async def handler(payload: Work, ctx: Any) -> Any:
        try:
            await ctx.sleep("nap", 1)
        except BaseException:
            return "swallowed"

    with pytest.raises(ReplayError, match="although it was suspended at"):
        await run(handler)


def test_sync_handlers_and_tests_need_no_loop() -> None:
    def handler(payload: Work, ctx: Any) -> Any:
        ctx.sleep("nap", "1h")
        total: int = ctx.step("add", abs, -payload.n)
        ctx.emit("tell", PAID, Paid(order=total))
        return total

    handlers.answer_it = handler
    done = run_handler_sync(tasks.answer_it, Work(n=4))
    assert (done.result, done.names) == (4, ["nap", "add", "tell"])
    assert asyncio.run(run_handler(tasks.answer_it, Work(n=4))).result == 4


def test_a_task_that_no_package_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(BindingError, match="not of a generated package"):
        run_handler_sync(tasks.answer_it, Work())
