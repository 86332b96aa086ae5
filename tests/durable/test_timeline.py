"""The timeline of an execution: what `executions show` tells of its attempts, calls, children and changes."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from syrupy.assertion import SnapshotAssertion

from pgconductor.cli.described import described, trace_as_object
from pgconductor.cli.timeline import own_frames
from pgconductor.store.executions import get
from pgconductor.store.timeline import Timeline, read_timeline
from tests.app import tasks
from tests.app.tasks import Work
from tests.durable.test_waits import PAID, declare, emit
from tests.runtime.stage import Stage

SCRUBBED = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}", "<id>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<when>"),
    (r"\b(\d+ ms|\d+\.\d s|(\d+[smh] ?){1,2})(?=[:,\n]|$)", "<time>"),
    (r"worker( +)\d+", r"worker\1<n>"),
    (r'File "[^"]*/(?=tests/)', 'File "'),
    (r"line \d+", "line <n>"),
)


def trace_of(stage: Stage, id: UUID) -> Timeline:
    row = get(stage.observer.connection, stage.observer.schema, id)
    assert row is not None
    return read_timeline(stage.observer.connection, stage.observer.schema, row)


def shown(stage: Stage, id: UUID) -> str:
    """What a person sees, without what differs from run to run."""
    row = get(stage.observer.connection, stage.observer.schema, id)
    assert row is not None
    text = "\n".join(described(row, trace_of(stage, id)))
    for pattern, instead in SCRUBBED:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return re.sub(r"(?<=\S)  +", "  ", text)


def serve_order(stage: Stage) -> None:
    """An order with a call of each kind, that fails, goes on, and waits for its payment."""

    @stage.task()
    async def part(payload: Any, ctx: Any) -> None:
        if payload.n == 1:
            raise ValueError("a part is broken")
        if payload.n == 2:
            await ctx.sleep("for long", "1h")

    @stage.task(retry={"max_attempts": 2})
    async def order(payload: Any, ctx: Any) -> None:
        await ctx.step("reserve", lambda: 7)
        await ctx.sleep("pause", 0.01)
        ctx.progress(1, 3, "reserved")
        await stage.until(lambda: stage.observer.rows("select from {}.progress"))
        if ctx.attempt == 1:
            raise LookupError("no such customer")
        await ctx.invoke("ship", tasks.part, Work())
        await ctx.map("parts", tasks.part, [Work(n=n % 2) for n in range(4)], return_errors=True)
        await ctx.wait_for("paid", PAID, where={"order": payload.n}, timeout="1h")
        raise RuntimeError("the end")

    declare(stage)


async def test_everything_that_happened_is_a_line(stage: Stage, snapshot: SnapshotAssertion) -> None:
    serve_order(stage)
    id = stage.observer.one("order", {"n": 5})
    async with stage.running():
        await stage.until(lambda: stage.observer.rows("select from {}.steps where kind = 'event'"))
        waiting = shown(stage, id)
        emit(stage, order=5)
        await stage.ended(id)
    assert waiting == snapshot(name="waiting")
    assert shown(stage, id) == snapshot(name="failed")


async def test_as_data_it_has_all_of_it(stage: Stage) -> None:
    serve_order(stage)
    id = stage.observer.one("order", {"n": 5})
    async with stage.running():
        await stage.until(lambda: stage.observer.rows("select from {}.steps where kind = 'event'"))
        await stage.until(lambda: stage.observer.state(id) == "waiting")
    data = trace_as_object(trace_of(stage, id))
    assert [(one["number"], one["ending"], one["error"]["type"]) for one in data["attempts"]] == [
        (1, "failed", "LookupError")
    ]
    assert "traceback" in data["attempts"][0]["error"]
    steps = {step["name"]: step for step in data["steps"]}
    assert list(steps) == ["reserve", "pause", "ship", "parts", "paid"]
    assert steps["parts"]["states"] == {"completed": 2, "failed": 2}
    assert (steps["parts"]["children"], steps["ship"]["states"]) == (4, {"completed": 1})
    assert (steps["paid"]["state"], steps["paid"]["target"], steps["paid"]["match"]) == (
        "waiting", "order.paid", {"order": 5},
    )  # fmt: skip
    assert (data["progress"]["done"], data["progress"]["total"], data["progress"]["note"]) == (1, 3, "reserved")


async def test_a_map_that_is_under_way_is_counts(stage: Stage) -> None:
    @stage.task()
    async def part(payload: Any, ctx: Any) -> None:
        if payload.n == 2:
            await ctx.sleep("for long", "1h")

    @stage.task()
    async def order(payload: Any, ctx: Any) -> None:
        await ctx.map("parts", tasks.part, [Work(n=n) for n in range(200)], max_parallel=100)

    id = stage.observer.one("order")
    async with stage.running():
        await stage.until(lambda: stage.observer.counts() == {"completed": 199, "waiting": 1, "scheduled": 1})
    (call,) = trace_of(stage, id).steps
    assert (call.children, call.ended, call.states) == (200, 199, {"completed": 199, "scheduled": 1})
    assert "part, 199 of 200 ended (199 completed, 1 scheduled): waiting" in shown(stage, id)
    stage.observer.run("delete from {}.finished where task = 'part'")
    assert "199 of 200 ended (1 scheduled, 199 gone)" in shown(stage, id)


async def test_a_worker_that_was_lost_and_a_retry_are_told(stage: Stage) -> None:
    @stage.task()
    async def order(payload: Any, ctx: Any) -> None:
        await ctx.step("reserve", lambda: 7)
        raise RuntimeError("no")

    id = stage.observer.one("order")
    await stage.drained()
    stage.observer.retry(id, "reserve")
    stage.observer.run(
        "insert into {}.history values (%s, {}.clock() + interval '1 second', 1, 'lost', {}.clock(), %s)",
        id,
        '{"type": "WorkerLost", "message": "worker 9 stopped beating"}',
    )
    trace = trace_of(stage, id)
    assert [(attempt.number, attempt.ending) for attempt in trace.attempts] == [(1, "failed"), (1, "lost")]
    assert [(one.from_step, one.forgotten) for one in trace.retries] == [("reserve", ["reserve"])]
    text = shown(stage, id)
    assert "retried  from `reserve` on, anew: `reserve`" in text
    assert "attempt 1  lost after <time>: WorkerLost: worker <n> stopped beating" in text


async def test_code_that_changed_is_told_once_and_an_inserted_call_is_no_change(stage: Stage) -> None:
    runs: list[int] = []

    @stage.task()
    async def order(payload: Any, ctx: Any) -> None:
        runs.append(1)
        new = len(runs) > 1
        if not new:
            await ctx.step("check", lambda: 1)
        else:
            await ctx.sleep("inserted", 0)
        await ctx.step("reserve", lambda: 2)
        if new:
            await ctx.step("note", lambda: 3)
        for name in ("one", "two", "three"):
            await ctx.sleep(name, 0)

    id = stage.observer.one("order")
    await stage.drained()
    assert stage.observer.state(id) == "completed"
    trace = trace_of(stage, id)
    assert [(change.step, change.change) for change in trace.changes] == [("check", "disappeared")]
    assert [step.name for step in trace.steps] == ["inserted", "check", "reserve", "note", "one", "two", "three"]
    assert shown(stage, id).count("`check` is not called any more") == 1


async def test_calls_that_changed_places_are_told(stage: Stage) -> None:
    runs: list[int] = []

    @stage.task()
    async def order(payload: Any, ctx: Any) -> None:
        runs.append(1)
        for name in ("a", "b") if len(runs) == 1 else ("b", "a"):
            await ctx.step(name, lambda: 1)
        await ctx.sleep("nap", 0)

    id = stage.observer.one("order")
    await stage.drained()
    assert [(change.step, change.change) for change in trace_of(stage, id).changes] == [("a", "moved")]
    assert "`a` is called in another order" in shown(stage, id)


async def test_a_step_that_was_inserted_can_be_retried_from(stage: Stage) -> None:
    runs: list[str] = []

    @stage.task()
    async def order(payload: Any, ctx: Any) -> None:
        await ctx.step("a", runs.append, "a")
        if "b" in runs:
            await ctx.step("inserted", runs.append, "inserted")
        await ctx.step("b", runs.append, "b")
        raise ValueError("no")

    id = stage.observer.one("order")
    for _ in range(2):
        await stage.drained()
        stage.observer.retry(id)
    await stage.drained()
    stage.observer.retry(id, "inserted")
    await stage.drained()
    assert runs == ["a", "b", "inserted", "inserted", "b"]


def test_a_traceback_is_shortened_to_the_code_of_its_reader() -> None:
    own = '  File "/srv/shop/mail.py", line 3, in send\n    raise ValueError\n'
    library = (
        '  File "/usr/lib/python3.11/json/decoder.py", line 1, in decode\n    obj = 1\n          ^^\n'
        '  File "/venv/lib/python3.11/site-packages/pgconductor/runtime/attempt.py", line 9, in run\n'
    )
    head, tail = "Traceback (most recent call last):\n", "ValueError: no\n"
    assert own_frames(head + library + own + tail) == head + "  ... 2 frames of libraries\n" + own + tail
    assert own_frames(head + own + library + tail) == head + own + "  ... 2 frames of libraries\n" + tail
    assert own_frames(head + library + tail) == head + library + tail
    assert own_frames("no traceback") == "no traceback"
