"""Errors of pgconductor's own: nothing goes on without a part that it cannot do without, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pgconductor.runtime import slots
from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.runtime.outcome import Completed, Outcome, settled
from pgconductor.runtime.process import serve
from pgconductor.store import rounds
from pgconductor.store.claims import Claims
from pgconductor.store.listener import Listener
from pgconductor.store.rounds import Rounds
from pgconductor.store.settlement import Settled, Settlement
from pgconductor.store.steps import Steps
from tests.runtime.stage import ROOT, Stage


def broken(*_: Any, **__: Any) -> Any:
    raise LookupError("a mistake of ours")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]


@pytest.mark.parametrize(
    ("cls", "method", "who"),
    [
        (Claims, "find_stopping", "the claimer of queue `default`"),
        (Settlement, "settle", "the settler of queue `default`"),
        (Listener, "_listen", "the listener"),
    ],
)
@pytest.mark.parametrize("drain", [False, True])
async def test_a_worker_without_its_claimer_settler_or_listener_stops_and_exits_with_1(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, cls: type, method: str, who: str,
    drain: bool,
) -> None:  # fmt: skip
    started: list[int] = []

    @stage.task()
    async def sleeper(payload: Any, ctx: Any) -> None:
        started.append(1)
        await asyncio.sleep(30)

    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    id = stage.observer.one("sleeper")
    if cls is Settlement:
        stage.observer.one("quick")
    monkeypatch.setattr(cls, method, broken)
    orchestrator = Orchestrator(stage.plan(), ROOT, url=stage.dsn)
    assert await asyncio.wait_for(serve(orchestrator, drain=drain), 15) == 1
    assert said(caplog) == [f"{who} ended by an error in pgconductor; stopping"]
    assert stage.observer.value("select count(*) from {}.workers") == 0  # so what it held is rescued at once
    if cls is not Settlement:
        assert stage.observer.state(id) == "ready"


async def test_a_step_that_cannot_be_recorded_fails_its_attempt_and_the_next_is_recorded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @stage.task(retry={"max_attempts": 2, "delays_ms": ()})
    async def answer_work(payload: Any, ctx: Any) -> Any:
        ctx.progress(1, 2)
        return await ctx.step("one", lambda: ctx.attempt)

    save = Steps.save
    calls: list[int] = []

    def once(self: Steps, *values: Any) -> Any:
        calls.append(1)
        return broken() if len(calls) == 1 else save(self, *values)

    monkeypatch.setattr(Steps, "save", once)
    id = stage.observer.one("answer_work")
    await stage.drained()
    assert (stage.observer.row(id)["state"], stage.observer.row(id)["result"]) == ("completed", 2)
    assert said(caplog) == ["the journal of queue `default` ended by an error in pgconductor"]


async def test_an_attempt_that_we_break_costs_an_attempt(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @stage.task(retry={"max_attempts": 2, "delays_ms": ()})
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    def unless_completed(outcome: Outcome, *values: Any, **named: Any) -> Settled:
        return broken() if isinstance(outcome, Completed) else settled(outcome, *values, **named)

    monkeypatch.setattr(slots, "settled", unless_completed)
    id = stage.observer.one("quick")
    await stage.drained()
    row = stage.observer.row(id)
    assert (row["state"], row["attempts"], row["error"]["type"]) == ("failed", 2, "LookupError")
    assert said(caplog) == [f"an attempt at {id} ended by an error in pgconductor"] * 2


def test_a_round_that_fails_is_not_the_last(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rounds, "LONGEST_RETRY", 0.05)
    bodies: list[Callable[..., Any]] = [broken, lambda connection: again.set()]
    again = threading.Event()
    thread = Rounds("upkeep", stage.dsn, 60, lambda connection: bodies.pop(0)(connection))
    thread.start()
    assert again.wait(10)
    thread.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert "pgconductor upkeep failed; again in 0.1 s" in caplog.text
    assert "a mistake of ours" in caplog.text
