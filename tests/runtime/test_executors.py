"""Where handlers run: on the loop, in threads, in processes, or on an executor of the user's."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
import time
from typing import Any

import pytest

from pgconductor.errors import BindingError
from pgconductor.runtime.executors import Processes
from tests.plans import task
from tests.runtime.stage import Stage, worker_of

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="clean")


async def test_sync_handlers_run_in_threads_beside_the_loop(stage: Stage) -> None:
    names: set[str] = set()

    @stage.task()
    def answer_sync(payload: Any, ctx: Any) -> int:
        names.add(threading.current_thread().name)
        time.sleep(0.1)
        return int(payload.n) * 2

    ids = [stage.observer.one("answer_sync", {"n": n}) for n in range(8)]
    turns = 0
    async with stage.running(worker_concurrency=8):
        began = time.monotonic()
        while stage.observer.counts() != {"completed": 8}:
            turns += 1
            await asyncio.sleep(0.005)
            assert time.monotonic() - began < 10
    assert [stage.observer.row(id)["result"] for id in ids] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert len(names) > 1
    assert all(name.startswith("pgconductor default") for name in names)
    assert turns > 3  # the loop turned meanwhile


async def test_no_more_threads_than_slots(stage: Stage) -> None:
    running, most, lock = 0, 0, threading.Lock()

    @stage.task()
    def busy(payload: Any, ctx: Any) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    stage.observer.enqueue("busy", count=30)
    async with stage.running(worker_concurrency=3):
        await stage.until(lambda: stage.observer.counts() == {"completed": 30})
    assert most == 3


async def test_an_async_handler_of_a_thread_queue_has_a_loop_of_its_own(stage: Stage) -> None:
    threads: set[int] = set()

    @stage.task()
    async def answer_where(payload: Any, ctx: Any) -> int:
        await asyncio.sleep(0.01)
        threads.add(threading.get_ident())
        return 1

    id = stage.observer.one("answer_where")
    async with stage.running(executor="thread"):
        assert (await stage.ended(id))["result"] == 1
    assert threading.get_ident() not in threads


class TestContextVariables:
    """What one handler sets, no other sees."""

    async def test_async_handlers_leave_nothing_behind(self, stage: Stage) -> None:
        seen: list[str] = []

        @stage.task()
        async def litter(payload: Any, ctx: Any) -> None:
            seen.append(variable.get())
            variable.set(f"set by {payload.n}")
            if payload.n % 3 == 0:
                await asyncio.sleep(0.001)
            if payload.n % 5 == 0:
                raise ValueError

        for n in range(40):
            stage.observer.one("litter", {"n": n})
        async with stage.running(worker_concurrency=2):
            await stage.until(lambda: stage.observer.counts() == {"completed": 32, "failed": 8})
        assert seen == ["clean"] * 40

    async def test_sync_handlers_leave_nothing_behind(self, stage: Stage) -> None:
        seen: list[str] = []

        @stage.task()
        def litter(payload: Any, ctx: Any) -> None:
            seen.append(variable.get())
            variable.set("set")

        stage.observer.enqueue("litter", count=20)
        async with stage.running(worker_concurrency=2):
            await stage.until(lambda: stage.observer.counts() == {"completed": 20})
        assert seen == ["clean"] * 20

    async def test_what_was_set_around_the_orchestrator_is_seen(self, stage: Stage) -> None:
        seen: list[str] = []

        @stage.task()
        async def look(payload: Any, ctx: Any) -> None:
            seen.append(variable.get())

        token = variable.set("the application's")
        try:
            id = stage.observer.one("look")
            async with stage.running():
                await stage.ended(id)
        finally:
            variable.reset(token)
        assert seen == ["the application's"]


PROCESS_TASKS = (
    "answer_square", "answer_async_square", "answer_pid", "answer_context", "die", "exit_politely", "give_up",
    "be_particular", "run_out",
)  # fmt: skip


async def test_handlers_in_processes_return_raise_and_die_like_any_other(stage: Stage) -> None:
    stage.tasks += [task(name, retry={"max_attempts": 1}) for name in PROCESS_TASKS]
    stage.tasks.append(task("come_back", retry={"max_attempts": 2}))
    ids = {name: stage.observer.one(name, {"n": 4}) for name in (*PROCESS_TASKS, "come_back")}
    async with stage.running(executor="process", worker_concurrency=2):
        await stage.until(lambda: set(stage.observer.counts()) <= {"completed", "failed", "scheduled"}, 40)
        rows = {name: stage.observer.row(id) for name, id in ids.items()}
    assert rows["answer_square"]["result"] == rows["answer_async_square"]["result"] == 16
    assert rows["answer_pid"]["result"] != os.getpid()
    assert rows["answer_context"]["result"] == {
        "id": str(ids["answer_context"]), "task": "answer_context", "queue": "default", "attempt": 1,
    }  # fmt: skip
    errors = {
        name: (row["state"], row["error"] and (row["error"]["type"], row["error"]["message"]))
        for name, row in rows.items()
    }
    assert errors["die"] == ("failed", ("ProcessDied", "the handler's process died"))
    assert errors["exit_politely"] == ("failed", ("SystemExit", "enough"))
    assert errors["give_up"] == ("failed", ("Fatal", "no such order"))
    assert errors["be_particular"] == ("failed", ("Particular", "not like this (7)"))
    assert errors["run_out"][0] == "failed"
    assert "StopIteration" in errors["run_out"][1][1]
    assert errors["come_back"] == ("scheduled", ("Retry", "busy"))
    assert "be_particular" in rows["be_particular"]["error"]["traceback"]


async def test_a_process_that_dies_while_it_is_idle_costs_no_attempt(stage: Stage) -> None:
    stage.tasks.append(task("answer_pid", retry={"max_attempts": 1}))
    async with stage.running(executor="process", worker_concurrency=1) as orchestrator:
        first = (await stage.ended(stage.observer.one("answer_pid"), 40))["result"]
        executor = worker_of(orchestrator)._executor
        assert isinstance(executor, Processes)
        (idle,) = executor._free
        os.kill(first, signal.SIGKILL)
        await stage.until(lambda: idle._broken)
        row = await stage.ended(stage.observer.one("answer_pid"), 40)
    assert row["state"] == "completed", row["error"]
    assert row["result"] != first


async def test_an_executor_of_the_users_takes_the_work(stage: Stage) -> None:
    stage.tasks += [task("answer_square"), task("be_particular", retry={"max_attempts": 1})]
    square, failing = stage.observer.one("answer_square", {"n": 9}), stage.observer.one("be_particular")
    async with stage.running(executor="tests.app.handlers:threads"):
        assert (await stage.ended(square))["result"] == 81
        assert (await stage.ended(failing))["error"]["type"] == "Particular"


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("tests.app.handlers:missing", "`tests.app.handlers` has no `missing`"),
        ("tests.app.nowhere:threads", "`tests.app.nowhere` cannot be imported"),
        ("tests.app.handlers:no_executor", "must return a concurrent.futures.Executor, not str"),
        ("tests.app.handlers:broken_factory", "no cluster here"),
    ],
)
async def test_a_factory_that_makes_no_executor_is_a_binding_error(stage: Stage, factory: str, reason: str) -> None:
    stage.tasks.append(task("answer_square"))
    with pytest.raises(BindingError, match="queue `default`") as error:
        async with stage.running(executor=factory):
            pass
    assert reason in str(error.value)


async def test_a_sync_handler_that_runs_out_of_an_iterator_fails_and_does_not_hang(stage: Stage) -> None:
    """`StopIteration` cannot be raised into a future: Python 3.11 never tells whoever waits for it."""
    stage.tasks.append(task("run_out", retry={"max_attempts": 1}))
    id = stage.observer.one("run_out")
    async with stage.running():
        row = await stage.ended(id, 5)
    assert row["state"] == "failed"
    assert "StopIteration" in row["error"]["message"]
