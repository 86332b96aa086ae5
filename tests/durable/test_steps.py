"""Steps: once, remembered, of the type that their function says."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel

from pgconductor.errors import StepTimeout, ValidationError
from pgconductor.runtime import journal
from pgconductor.runtime.host import ThreadHost
from tests.app import tasks
from tests.runtime.stage import Stage, worker_of


class Quote(BaseModel):
    price: int
    currency: str = "EUR"


@dataclass
class Point:
    x: int


def steps_of(stage: Stage, id: Any) -> list[dict[str, Any]]:
    return stage.observer.rows("select * from {}.steps where execution_id = %s order by position", id)


async def test_a_step_runs_once_and_later_runs_get_its_value(stage: Stage) -> None:
    calls: list[str] = []
    seen: list[Any] = []

    def count(name: str) -> str:
        calls.append(name)
        return name.upper()

    @stage.task(retry={"max_attempts": 3})
    async def answer_twice(payload: Any, ctx: Any) -> Any:
        seen.append(await ctx.step("first", count, "a"))
        if ctx.attempt == 1:
            raise ValueError("once more")
        seen.append(await ctx.step("second", count, "b"))
        return seen

    id = stage.observer.one("answer_twice")
    await stage.drained()
    assert stage.observer.row(id)["result"] == ["A", "A", "B"]
    assert calls == ["a", "b"]
    assert [(row["name"], row["position"], row["attempt"]) for row in steps_of(stage, id)] == [
        ("first", 1, 1),
        ("second", 2, 2),
    ]


@pytest.mark.parametrize("value", [None, 0, False, "", [], {}, 1.5, "text", {"a": [1, None]}])
async def test_none_0_false_and_empty_survive(stage: Stage, value: Any) -> None:
    calls: list[int] = []

    def give() -> Any:
        calls.append(1)
        return value

    @stage.task(retry={"max_attempts": 2})
    async def answer_given(payload: Any, ctx: Any) -> Any:
        got = await ctx.step("give", give)
        if ctx.attempt == 1:
            raise ValueError
        return [got]

    id = stage.observer.one("answer_given")
    await stage.drained()
    assert stage.observer.row(id)["result"] == [value]
    assert type(stage.observer.row(id)["result"][0]) is type(value)
    assert len(calls) == 1


async def test_a_model_comes_back_as_that_model(stage: Stage) -> None:
    seen: list[Any] = []

    async def quote() -> Quote:
        return Quote(price=7)

    def points() -> list[Point]:
        return [Point(1), Point(2)]

    @stage.task(retry={"max_attempts": 2})
    async def typed(payload: Any, ctx: Any) -> None:
        seen.append(await ctx.step("quote", quote))
        seen.append(await ctx.step("points", points))
        if ctx.attempt == 1:
            raise ValueError

    stage.observer.one("typed")
    await stage.drained()
    assert seen == [Quote(price=7), [Point(1), Point(2)]] * 2


async def test_a_sync_function_runs_in_a_thread(stage: Stage) -> None:
    threads: list[int] = []

    def where() -> None:
        threads.append(threading.get_ident())

    @stage.task()
    async def mixed(payload: Any, ctx: Any) -> None:
        await ctx.step("where", where)

    stage.observer.one("mixed")
    await stage.drained()
    assert threads
    assert threads[0] != threading.get_ident()


async def test_the_decorator_does_the_same(stage: Stage) -> None:
    @stage.task()
    async def answer_decorated(payload: Any, ctx: Any) -> Any:
        @ctx.step("double")
        async def double(n: int) -> int:
            return 2 * n

        return await double(21)

    id = stage.observer.one("answer_decorated")
    await stage.drained()
    assert stage.observer.row(id)["result"] == 42
    assert [row["name"] for row in steps_of(stage, id)] == ["double"]


async def test_a_sync_handler_has_steps_too(stage: Stage) -> None:
    calls: list[int] = []

    def count() -> int:
        calls.append(1)
        return len(calls)

    @stage.task(retry={"max_attempts": 2})
    def answer_sync(payload: Any, ctx: Any) -> Any:
        value = ctx.step("count", count)

        @ctx.step("again")
        def again() -> int:
            return value + 1

        after = again()
        if ctx.attempt == 1:
            raise ValueError
        return [value, after]

    id = stage.observer.one("answer_sync")
    await stage.drained()
    assert stage.observer.row(id)["result"] == [1, 2]
    assert len(calls) == 1


async def test_a_failed_step_stores_nothing(stage: Stage) -> None:
    def fail() -> None:
        raise OSError("no network")

    @stage.task()
    async def failing(payload: Any, ctx: Any) -> None:
        await ctx.step("fail", fail)

    id = stage.observer.one("failing")
    await stage.drained()
    assert stage.observer.error(id)["message"] == "no network"
    assert steps_of(stage, id) == []


async def test_two_steps_with_one_name_fail_naming_both_lines(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 5})
    async def twice(payload: Any, ctx: Any) -> None:
        await ctx.step("same", lambda: 1)
        with contextlib.suppress(Exception):  # even when it is swallowed
            await ctx.step("same", lambda: 2)

    id = stage.observer.one("twice")
    await stage.drained()
    error = stage.observer.error(id)
    assert error["type"] == "ReplayError"
    assert error["message"].count("test_steps.py:") == 2
    assert stage.observer.row(id)["attempts"] == 1


@pytest.mark.parametrize(
    ("value", "reason"), [(object(), "object"), (float("nan"), "nan"), ("a\0b", "NUL"), ({1: 2}, "keys of type int")]
)
async def test_an_unserialisable_result_names_the_step_and_the_type(stage: Stage, value: Any, reason: str) -> None:
    caught: list[str] = []

    @stage.task()
    async def odd(payload: Any, ctx: Any) -> None:
        try:
            await ctx.step("odd one", lambda: value)
        except ValidationError as error:
            caught.append(str(error))

    stage.observer.one("odd")
    await stage.drained()
    assert "`odd one`" in caught[0]
    assert reason in caught[0]


async def test_a_result_beyond_the_limit_is_refused(stage: Stage) -> None:
    caught: list[str] = []

    @stage.task()
    async def large(payload: Any, ctx: Any) -> None:
        await ctx.step("megabyte", lambda: "x" * 1_000_000)
        try:
            await ctx.step("more", lambda: "x" * 17_000_000)
        except ValidationError as error:
            caught.append(str(error))

    id = stage.observer.one("large")
    await stage.drained()
    assert stage.observer.state(id) == "completed"
    assert "`more`" in caught[0]
    assert "size_limit" in caught[0]


async def test_steps_of_branches_are_remembered(stage: Stage) -> None:
    calls: list[int] = []

    async def work(n: int) -> int:
        calls.append(n)
        await asyncio.sleep(0.01)
        return n

    @stage.task(retry={"max_attempts": 2})
    async def answer_branches(payload: Any, ctx: Any) -> Any:
        found = await asyncio.gather(*(ctx.step(f"part {n}", work, n) for n in range(5)))
        if ctx.attempt == 1:
            raise ValueError
        return found

    id = stage.observer.one("answer_branches")
    await stage.drained()
    assert stage.observer.row(id)["result"] == [0, 1, 2, 3, 4]
    assert sorted(calls) == [0, 1, 2, 3, 4]


async def test_a_step_that_takes_too_long_times_out(stage: Stage) -> None:
    async def slow() -> None:
        await asyncio.sleep(30)

    def slow_in_a_thread() -> None:
        threading.Event().wait(2)

    @stage.task(step_timeout_ms=50)
    async def patient(payload: Any, ctx: Any) -> None:
        await ctx.step("slow", slow)

    @stage.task(step_timeout_ms=50)
    def patient_sync(payload: Any, ctx: Any) -> None:
        ctx.step("slow", slow_in_a_thread)

    ids = [stage.observer.one("patient"), stage.observer.one("patient_sync")]
    await stage.drained()
    for id in ids:
        assert stage.observer.error(id)["type"] == "StepTimeout"
        assert "`slow`" in stage.observer.error(id)["message"]


async def test_steps_go_with_an_execution_that_is_not_kept(stage: Stage) -> None:
    @stage.task(retention={"completed_ms": 0, "failed_ms": 0, "cancelled_ms": 0})
    async def fleeting(payload: Any, ctx: Any) -> None:
        await ctx.step("one", lambda: 1)

    id = stage.observer.one("fleeting")
    await stage.drained()
    assert stage.observer.state(id) is None
    assert steps_of(stage, id) == []


async def test_progress_that_is_being_written_goes_with_an_execution_that_is_not_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PROGRESS_EVERY", 0.01)
    end = asyncio.Event()

    @stage.task(retention={"completed_ms": 0, "failed_ms": 0, "cancelled_ms": 0})
    async def fleeting(payload: Any, ctx: Any) -> None:
        ctx.progress(1)
        await end.wait()

    def is_writing() -> bool:
        return bool(stage.observer.value("select count(*) from pg_locks where not granted"))

    id = stage.observer.one("fleeting")
    with psycopg.connect(stage.dsn) as other:
        # A row that may yet become this progress keeps it from being written until this transaction has ended.
        other.execute("insert into pgconductor.progress values (%s, 0, null, null, now())", [id])
        async with stage.running() as orchestrator:
            await stage.until(is_writing)
            end.set()
            await asyncio.sleep(0.3)
            other.rollback()
            await stage.until(lambda: not is_writing() and stage.observer.state(id) is None)
            await stage.until(lambda: not worker_of(orchestrator)._journal.reports)
    assert stage.observer.value("select count(*) from {}.progress") == 0


async def test_a_process_handler_has_steps_too(stage: Stage) -> None:
    from tests.plans import task

    stage.tasks.append(task("answer_steps", handler="tests.app.handlers:answer_steps", retry={"max_attempts": 2}))
    id = stage.observer.one("answer_steps", {"n": 3})
    await stage.drained(executor="process")
    assert stage.observer.row(id)["result"] == 9, stage.observer.row(id)["error"]
    assert [row["name"] for row in steps_of(stage, id)] == ["square", "note"]
    assert tasks is not None


async def test_a_step_that_was_being_saved_when_its_attempt_ended_is_what_the_next_goes_on_with(stage: Stage) -> None:
    computed: list[int] = []
    seen: list[int] = []

    async def compute() -> int:
        computed.append(len(computed) + 1)
        return computed[-1]

    @stage.task(timeout_ms=300, retry={"max_attempts": 5})
    async def slow(payload: Any, ctx: Any) -> None:
        seen.append(await ctx.step("value", compute))
        await ctx.sleep("nap", 0.01)

    id = stage.observer.one("slow")
    with psycopg.connect(stage.dsn) as other:
        # A row that may yet become this step keeps it from being saved until this transaction has ended.
        other.execute(
            "insert into pgconductor.steps (execution_id, started_at, position, attempt, name, kind, state)"
            " values (%s, now(), 1, 1, 'value', 'step', 'done')",
            [id],
        )
        async with stage.running():
            await stage.until(lambda: computed == [1, 2])
            other.rollback()
            assert (await stage.ended(id))["state"] == "completed"
    assert seen == [1, 1]


async def test_a_transaction_that_took_too_long_in_a_thread_is_not_committed_later(stage: Stage) -> None:
    going = threading.Event()
    stage.observer.run("create table public.late (n int)")

    def write(connection: Any) -> None:
        connection.execute("insert into public.late values (1)")
        going.wait(10)

    @stage.task(step_timeout_ms=200)
    def slow(payload: Any, ctx: Any) -> None:
        before = threading.enumerate()
        with pytest.raises(StepTimeout):
            ctx.transaction("write", write)
        left_behind = [one for one in threading.enumerate() if one not in before and one.name == "pgconductor step"]
        going.set()
        for thread in left_behind:
            thread.join(10)

    id = stage.observer.one("slow")
    async with stage.running():
        assert (await stage.ended(id))["state"] == "completed"
    assert stage.observer.value("select count(*) from public.late") == 0
    assert steps_of(stage, id) == []


async def test_a_transaction_that_commits_as_its_time_ends_has_been_in_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, going = threading.Event(), threading.Event()
    end_in_time = ThreadHost._end_in_time

    def end_slowly(self: ThreadHost) -> None:
        end_in_time(self)
        ending.set()
        going.wait(10)

    monkeypatch.setattr(ThreadHost, "_end_in_time", end_slowly)

    def write(connection: Any) -> int:
        return 7

    @stage.task(step_timeout_ms=300)
    def answer_slow(payload: Any, ctx: Any) -> Any:
        threading.Timer(0.6, going.set).start()
        return ctx.transaction("write", write)

    id = stage.observer.one("answer_slow")
    async with stage.running():
        assert (await stage.ended(id))["result"] == 7
    assert ending.is_set()
    assert [step["result"] for step in steps_of(stage, id)] == [7]


async def test_a_transaction_is_not_timed_out_once_it_commits(stage: Stage) -> None:
    seen: list[str] = []
    for statement in (
        "create table public.late (n int)",
        # A commit that takes its time, and cannot be stopped: as one that waits for a disk or a replica.
        "create function public.dawdle() returns trigger language plpgsql as $$ begin"
        " perform pg_sleep(1); return null; exception when query_canceled then return null; end $$",
        "create constraint trigger dawdle after insert on public.late deferrable initially deferred"
        " for each row execute function public.dawdle()",
    ):
        stage.observer.connection.execute(statement)

    async def write(connection: Any) -> None:
        await connection.execute("insert into public.late values (1)")

    @stage.task(step_timeout_ms=300)
    async def patient(payload: Any, ctx: Any) -> None:
        try:
            await ctx.transaction("write", write)
            seen.append("written")
        except StepTimeout:
            seen.append("not written")

    id = stage.observer.one("patient")
    async with stage.running():
        assert (await stage.ended(id))["state"] == "completed"
    assert (seen, stage.observer.value("select count(*) from public.late")) == (["written"], 1)
