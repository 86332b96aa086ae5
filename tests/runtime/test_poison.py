"""Handlers' mistakes stay theirs: a poisoned execution fails alone, and its neighbours settle."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from pgconductor.runtime import failure
from pgconductor.runtime.failure import Described, clean, error_record, error_text
from tests.runtime.stage import Stage

NEIGHBOURS = 12


class Unspeakable(Exception):
    """Whatever is asked of it raises."""

    def __str__(self) -> str:
        raise SystemExit("__str__")

    __repr__ = __str__


class OwnKind(BaseException):
    """No Exception."""


def recurse(depth: int) -> NoReturn:
    if depth == 0:
        raise ValueError("x" * 10_000_000)
    recurse(depth - 1)


def chain() -> NoReturn:
    error: BaseException = ValueError("the first")
    for n in range(500):
        following = ValueError(f"{n} " + "y" * 10_000)
        following.__cause__ = error
        error = following
    raise error


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def raise_it() -> NoReturn:
        raise error

    return raise_it


RAISED: dict[str, tuple[Callable[[], NoReturn], str]] = {
    "a __str__ that raises": (raising(Unspeakable()), "Unspeakable"),
    "a message of 10 MB, 200 frames deep": (lambda: recurse(200), "ValueError"),
    "500 causes of 10 kB": (chain, "ValueError"),
    "NUL": (raising(ValueError("a\0b")), "ValueError"),
    "a lone surrogate": (raising(ValueError("a\ud800b")), "ValueError"),
    "SystemExit": (raising(SystemExit(3)), "SystemExit"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt()), "KeyboardInterrupt"),
    "a BaseException": (raising(OwnKind("mine")), "OwnKind"),
    "GeneratorExit": (raising(GeneratorExit()), "GeneratorExit"),
    "StopIteration": (raising(StopIteration(1)), "RuntimeError"),
    "an exception group": (raising(BaseExceptionGroup("two", [ValueError("a\0"), OwnKind()])), "BaseExceptionGroup"),
    "CancelledError of its own": (raising(asyncio.CancelledError("mine")), "RuntimeError"),
}


async def assert_fails_alone(stage: Stage, name: str, payload: Any = None, **queue: Any) -> dict[str, Any]:
    """One of a task among neighbours, all of them claimed and settled together."""
    calls: list[int] = []

    @stage.task()
    async def answer_neighbour(payload: Any, ctx: Any) -> int:
        calls.append(payload.n)
        return 1

    around = stage.observer.enqueue("answer_neighbour", count=NEIGHBOURS // 2)
    id = stage.observer.one(name, payload)
    around += stage.observer.enqueue("answer_neighbour", count=NEIGHBOURS // 2)
    async with stage.running(**queue) as orchestrator:
        await stage.until(lambda: stage.observer.counts() == {"completed": NEIGHBOURS, "failed": 1})
        later = stage.observer.one("answer_neighbour")
        assert (await stage.ended(later))["state"] == "completed"  # the worker lives
    assert len(calls) == NEIGHBOURS + 1
    report = orchestrator.info().workers[0].report
    assert (report.completed, report.failed, report.lost) == (NEIGHBOURS + 1, 1, 0)
    stage.observer.assert_one_row_each([*around, id, later])
    return stage.observer.row(id)


async def test_a_handler_that_cancels_its_own_task_fails_alone(stage: Stage) -> None:
    @stage.task()
    async def poison(payload: Any, ctx: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    row = await assert_fails_alone(stage, "poison")
    assert (row["error"]["type"], row["attempts"]) == ("RuntimeError", 1)


async def test_a_handler_that_leaves_its_task_cancelled_harms_none_of_those_after_it(stage: Stage) -> None:
    @stage.task()
    async def reckless(payload: Any, ctx: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    @stage.task()
    async def neighbour(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0)

    for _ in range(20):
        stage.observer.one("reckless")
        stage.observer.one("neighbour")
    await stage.drained(worker_concurrency=1)
    assert stage.observer.counts() == {"completed": 40}


@pytest.mark.parametrize("where", ["async", "thread"])
@pytest.mark.parametrize(("fail", "kind"), RAISED.values(), ids=RAISED.keys())
async def test_whatever_a_handler_raises_fails_its_execution_alone(
    stage: Stage, fail: Callable[[], NoReturn], kind: str, where: str
) -> None:
    if where == "async":

        @stage.task()
        async def poison(payload: Any, ctx: Any) -> None:
            await asyncio.sleep(0)
            fail()

    else:

        @stage.task()
        def poison(payload: Any, ctx: Any) -> None:
            fail()

    row = await assert_fails_alone(stage, "poison")
    closes = where == "thread" and kind == "GeneratorExit"  # it would close the coroutines that wait for the thread
    assert row["error"]["type"] == ("RuntimeError" if closes else kind)
    assert len(json.dumps(row["error"])) < 50_000


@pytest.mark.parametrize("payload", ['{"n": "many"}', "[]", "null", '"text"', '{"n": 1e400}', '{"n": null}'])
async def test_a_payload_that_cannot_be_decoded_fails_at_once_with_the_reason(stage: Stage, payload: str) -> None:
    started: list[Any] = []

    @stage.task(retry={"max_attempts": 5})
    async def poison(payload: Any, ctx: Any) -> None:
        started.append(payload)

    row = await assert_fails_alone(stage, "poison", payload)
    assert started == []
    assert row["error"]["type"] == "UnreadablePayload"
    assert "the stored payload does not fit task `poison`" in row["error"]["message"]


async def test_fields_that_a_newer_producer_added_are_no_poison(stage: Stage) -> None:
    @stage.task()
    async def answer_number(payload: Any, ctx: Any) -> int:
        return int(payload.n)

    id = stage.observer.one("answer_number", {"n": 4, "added": "later"})
    async with stage.running():
        assert (await stage.ended(id))["result"] == 4


UNWRITABLE = {
    "an object": object(),
    "NUL": "a\0b",
    "a lone surrogate": "a\ud800b",
    "NaN": float("nan"),
    "a deep infinity": [{"deep": float("inf")}],
}


@pytest.mark.parametrize("value", UNWRITABLE.values(), ids=UNWRITABLE.keys())
async def test_a_result_that_cannot_be_written_fails_its_execution_alone(stage: Stage, value: Any) -> None:
    @stage.task()
    async def answer_badly(payload: Any, ctx: Any) -> Any:
        return value

    row = await assert_fails_alone(stage, "answer_badly")
    assert row["error"]["type"] == "ValidationError"
    assert "result of task `answer_badly` refused" in row["error"]["message"]


async def test_a_result_where_none_is_declared_fails_its_execution_alone(stage: Stage) -> None:
    @stage.task()
    async def chatty(payload: Any, ctx: Any) -> int:
        return 1

    row = await assert_fails_alone(stage, "chatty")
    assert "declares no `returns`" in row["error"]["message"]


async def test_an_outcome_that_the_database_refuses_is_found_by_halving_its_batch(stage: Stage) -> None:
    @stage.task()
    async def garbled(payload: Any, ctx: Any) -> None:
        pass

    row = await assert_fails_alone(stage, "garbled", worker_concurrency=30)
    assert row["error"]["type"] == "UnwritableOutcome"
    assert "the outcome could not be stored" in row["error"]["message"]


async def test_many_refused_outcomes_in_one_batch_are_all_found(stage: Stage) -> None:
    @stage.task()
    async def garbled(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.05)

    @stage.task()
    async def fine(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.05)

    for n in range(60):
        stage.observer.one("garbled" if n % 7 == 0 else "fine")
    async with stage.running(worker_concurrency=60):
        await stage.until(lambda: stage.observer.counts() == {"completed": 51, "failed": 9})


async def test_a_handler_that_swallows_its_cancellation_ends_what_it_was_asked_to(stage: Stage) -> None:
    entered = asyncio.Event()

    @stage.task()
    async def deaf(payload: Any, ctx: Any) -> None:
        entered.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)

    id = stage.observer.one("deaf")
    async with stage.running():
        async with asyncio.timeout(5):
            await entered.wait()
        assert stage.observer.cancel(id, "stop")
        row = await stage.ended(id, 2)
    assert (row["state"], row["error"]["message"]) == ("cancelled", "stop")


class TestRecords:
    """What is kept of an exception."""

    def test_it_is_short_clean_json(self) -> None:
        for fail, _ in RAISED.values():
            try:
                fail()
            except BaseException as error:
                record = error_record(error)
            assert len(record) < 50_000
            parsed = json.loads(record)
            assert set(parsed) == {"type", "message", "traceback"}
            assert "\0" not in "".join(parsed.values())
            "".join(parsed.values()).encode()

    def test_both_ends_of_a_long_message_are_kept(self) -> None:
        text = clean("a" * 5_000 + "b" * 5_000, 1_000)
        assert text.startswith("a" * 500)
        assert text.endswith("b" * 500)
        assert "9000 characters left out" in text

    def test_the_frames_nearest_to_the_failure_are_kept(self) -> None:
        try:
            recurse(failure.FRAME_LIMIT * 3)
        except ValueError as error:
            trace = json.loads(error_record(error))["traceback"]
        assert "raise ValueError" in trace

    def test_an_exception_of_another_process_keeps_its_name_and_words(self) -> None:
        record = json.loads(error_record(Described("Particular", "not like this", "line 1")))
        assert record == {"type": "Particular", "message": "not like this", "traceback": "line 1"}

    def test_a_failure_without_an_exception_has_no_traceback(self) -> None:
        assert json.loads(error_text("Cancelled", "no")) == {"type": "Cancelled", "message": "no"}
