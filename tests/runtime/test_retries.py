"""Retries, to the letter of what is promised: attempts are handler starts, delays follow the task's schedule."""

from __future__ import annotations

import pickle
import random
import time
from itertools import pairwise
from typing import Any

import pytest

from pgconductor.errors import Fatal, Retry
from pgconductor.plan.model import TaskPlan
from pgconductor.runtime.failure import Described
from pgconductor.runtime.handlers import UnboundHandlers, bind, policy_of
from pgconductor.runtime.outcome import Completed, Failed, ProcessDied, TimedOut, retry_delay, settled
from pgconductor.store.settlement import Discarded, Finished, Rescheduled
from tests.plans import make_plan, task
from tests.runtime.stage import Stage

ID = b"\0" * 16


def settle(plan: TaskPlan, error: BaseException, attempt: int = 1) -> Any:
    return settled(Failed(error), ID, 7, attempt, plan, draw=lambda: 0.5)


class TestSchedule:
    """When the next attempt is made."""

    def test_each_failure_has_its_delay_and_the_last_repeats(self) -> None:
        plan = task("t", retry={"delays_ms": (100, 200, 400), "max_attempts": None})
        assert [settle(plan, ValueError(), n).delay_ms for n in (1, 2, 3, 4, 99)] == [100, 200, 400, 400, 400]

    def test_without_a_schedule_the_next_attempt_is_at_once(self) -> None:
        assert settle(task("t"), ValueError()).delay_ms == 0

    def test_jitter_spreads_the_delay_evenly_on_both_sides(self) -> None:
        plan = task("t", retry={"delays_ms": (1000,), "jitter": 0.1})
        assert [retry_delay(plan, 1, lambda draw=draw: draw) for draw in (0.0, 0.25, 0.5, 1.0)] == [
            900,
            950,
            1000,
            1100,
        ]
        drawn = [retry_delay(plan, 1, random.Random(7).random) for _ in range(3)]
        assert all(900 <= delay <= 1100 for delay in drawn)

    def test_exhausted_is_failed_with_the_last_error(self) -> None:
        plan = task("t", retry={"max_attempts": 2})
        assert isinstance(settle(plan, ValueError("one"), 1), Rescheduled)
        last = settle(plan, ValueError("two"), 2)
        assert isinstance(last, Finished)
        assert (last.state, last.lease, '"message": "two"' in str(last.error)) == ("failed", 7, True)

    def test_for_ever_never_exhausts(self) -> None:
        assert isinstance(settle(task("t", retry={"max_attempts": None}), ValueError(), 10_000), Rescheduled)

    def test_fatal_fails_at_once(self) -> None:
        assert isinstance(settle(task("t"), Fatal("no such order")), Finished)

    def test_retry_chooses_its_delay_and_costs_an_attempt(self) -> None:
        plan = task("t", retry={"delays_ms": (60_000,), "max_attempts": 2, "jitter": 0.5})
        assert settle(plan, Retry("busy", delay="2s")).delay_ms == 2_000
        assert settle(plan, Retry("busy", delay=0)).delay_ms == 0
        assert settle(plan, Retry("busy")).delay_ms == 60_000
        assert isinstance(settle(plan, Retry("busy", delay="2s"), 2), Finished)

    def test_a_users_own_kind_of_retry_needs_no_constructor(self) -> None:
        class Busy(Retry):
            def __init__(self) -> None:
                pass

        assert settle(task("t", retry={"delays_ms": (300,)}), Busy()).delay_ms == 300

    def test_a_timeout_is_a_failure_like_any(self) -> None:
        plan = task("t", retry={"delays_ms": (5,), "max_attempts": 2})
        assert isinstance(settled(TimedOut(100), ID, 1, 1, plan), Rescheduled)
        last = settled(TimedOut(100), ID, 1, 2, plan)
        assert isinstance(last, Finished)
        assert "timeout of 100 ms" in str(last.error)

    @pytest.mark.parametrize("outcome", [Completed(None), Failed(Fatal("x"))], ids=["completed", "failed"])
    def test_what_is_not_kept_is_discarded(self, outcome: Completed | Failed) -> None:
        plan = task("t", retention={"completed_ms": 0, "failed_ms": 0, "cancelled_ms": 0})
        assert settled(outcome, ID, 1, 1, plan, traced=True) == Discarded(ID, 1, True)


class Busy(ConnectionError):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} ({code})")


class TestPolicy:
    """Which exceptions are worth another attempt."""

    @staticmethod
    def again(error: BaseException, **retry: Any) -> bool:
        plan = task("t", retry=retry)
        return isinstance(settled(Failed(error), ID, 1, 1, plan, policy=policy_of(plan)), Rescheduled)

    def test_subclasses_count(self) -> None:
        assert self.again(ConnectionResetError(), retry_on=["OSError"])
        assert not self.again(ValueError(), retry_on=["OSError"])
        assert self.again(ValueError(), retry_on=["OSError", "ValueError"])
        assert self.again(Busy(1, "x"), retry_on=[f"{__name__}:Busy"])
        assert not self.again(Busy(1, "x"), give_up_on=["ConnectionError"])

    def test_give_up_on_wins(self) -> None:
        lists = {"retry_on": ["OSError"], "give_up_on": ["ConnectionError"]}
        assert self.again(FileNotFoundError(), **lists)
        assert not self.again(ConnectionResetError(), **lists)

    def test_the_handlers_own_choice_and_a_crash_are_above_it(self) -> None:
        assert self.again(Retry("busy"), retry_on=["OSError"], give_up_on=["Exception"])
        assert self.again(ProcessDied("killed"), retry_on=["OSError"])
        assert not self.again(Fatal("no"), retry_on=["Exception"])

    def test_a_timeout_is_a_timeout_error(self) -> None:
        plan = task("t", retry={"give_up_on": ["TimeoutError"]})
        assert isinstance(settled(TimedOut(100), ID, 1, 1, plan, policy=policy_of(plan)), Finished)

    def test_an_exception_that_was_described_elsewhere_is_known_by_its_classes(self) -> None:
        described = pickle.loads(pickle.dumps(Described.of(Busy(7, "later"))))
        assert self.again(described, retry_on=[f"{__name__}:Busy"])
        assert self.again(described, retry_on=["OSError"])
        assert not self.again(described, retry_on=["ValueError"])

        class Hopeless(Fatal):
            pass

        assert not self.again(Described.of(Hopeless("no")))

    def test_what_cannot_be_imported_is_told_all_at_once(self) -> None:
        retry = {"retry_on": ["nowhere.to:Be", "tests.app.tasks:Work"], "give_up_on": ["tests.app.ledger:Absent"]}
        plan = make_plan(task("t", handler="nowhere.to:be", retry=retry), task("u", handler="tests.app.handlers:work"))
        with pytest.raises(UnboundHandlers) as caught:
            bind(plan, ["default"])
        assert [(problem.key, problem.kind, problem.reference) for problem in caught.value.problems] == [
            ("handler", "import", "nowhere.to:be"),
            ("retry", "import", "nowhere.to:Be"),
            ("retry", "shape", "tests.app.tasks:Work"),
            ("retry", "missing", "tests.app.ledger:Absent"),
        ]


async def test_workers_give_up_on_what_the_task_says(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 3, "retry_on": ["ConnectionError"]})
    async def fetch(payload: Any, ctx: Any) -> None:
        raise ConnectionResetError if ctx.attempt == 1 else ValueError("nonsense")

    id = stage.observer.one("fetch")
    await stage.drained()
    row = stage.observer.row(id)
    assert (row["state"], row["attempts"], row["error"]["type"]) == ("failed", 2, "ValueError")


async def test_a_failed_execution_runs_again_until_it_succeeds(stage: Stage) -> None:
    seen: list[int] = []

    @stage.task(retry={"max_attempts": 4, "delays_ms": (10, 20, 30)})
    async def answer_flaky(payload: Any, ctx: Any) -> int:
        seen.append(ctx.attempt)
        if ctx.attempt < 3:
            raise ValueError(f"attempt {ctx.attempt}")
        return ctx.attempt

    id = stage.observer.one("answer_flaky")
    async with stage.running():
        row = await stage.ended(id)
    assert seen == [1, 2, 3]
    assert (row["state"], row["result"], row["attempts"], row["error"]) == ("completed", 3, 3, None)


async def test_attempts_count_handler_starts_and_the_last_error_is_kept(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 3})
    async def stumble(payload: Any, ctx: Any) -> None:
        raise LookupError(f"attempt {ctx.attempt}")

    id = stage.observer.one("stumble")
    async with stage.running():
        row = await stage.ended(id)
    assert (row["state"], row["attempts"]) == ("failed", 3)
    assert (row["error"]["type"], row["error"]["message"]) == ("LookupError", "attempt 3")
    assert 'raise LookupError(f"attempt {ctx.attempt}")' in row["error"]["traceback"]


async def test_a_retry_is_made_when_its_delay_has_passed_not_a_poll_later(stage: Stage) -> None:
    times: list[float] = []

    @stage.task(retry={"max_attempts": 3, "delays_ms": (250,)})
    async def again(payload: Any, ctx: Any) -> None:
        times.append(time.monotonic())
        if len(times) < 3:
            raise ValueError

    id = stage.observer.one("again")
    async with stage.running(poll_interval_ms=5_000):
        await stage.ended(id)
    assert [0.25 <= later - earlier < 1.0 for earlier, later in pairwise(times)] == [True, True]


async def test_waiting_for_the_next_attempt_is_scheduled_with_the_error_to_see(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 2, "delays_ms": (60_000,)})
    async def stumble(payload: Any, ctx: Any) -> None:
        raise LookupError("not yet")

    id = stage.observer.one("stumble")
    await stage.drained()
    row = stage.observer.row(id)
    assert (row["state"], row["attempts"], row["error"]["message"]) == ("scheduled", 1, "not yet")


async def test_fatal_and_retry_raised_by_handlers(stage: Stage) -> None:
    @stage.task(retry={"max_attempts": 5})
    async def doomed(payload: Any, ctx: Any) -> None:
        raise Fatal("the order does not exist")

    @stage.task(retry={"max_attempts": 2, "delays_ms": (60_000,)})
    async def busy(payload: Any, ctx: Any) -> None:
        raise Retry("the service is busy", delay="10ms")

    doomed_id, busy_id = stage.observer.one("doomed"), stage.observer.one("busy")
    async with stage.running():
        doomed_row, busy_row = await stage.ended(doomed_id), await stage.ended(busy_id)
    assert (doomed_row["state"], doomed_row["attempts"], doomed_row["error"]["type"]) == ("failed", 1, "Fatal")
    assert (busy_row["state"], busy_row["attempts"], busy_row["error"]["type"]) == ("failed", 2, "Retry")
