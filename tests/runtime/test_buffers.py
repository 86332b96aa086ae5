"""What holds executions and outcomes between the database and the handlers: bounded, and in order."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from pgconductor.errors import BindingError
from pgconductor.runtime.failure import MESSAGE_LIMIT, clean, error_record
from pgconductor.runtime.handlers import bind
from pgconductor.runtime.lanes import Lanes
from pgconductor.runtime.outbox import Outbox
from pgconductor.runtime.supply import Supply
from pgconductor.store.claims import ClaimedRow
from pgconductor.store.settlement import Released
from tests.plans import make_plan, task
from tests.runtime.stage import Stage, worker_of

CONCURRENCY = 10


def outcomes(count: int) -> list[Released]:
    return [Released(bytes([number] * 16), 1) for number in range(count)]


async def test_the_outbox_gives_the_same_batch_until_it_is_written() -> None:
    outbox, (first, second, third) = Outbox(10), outcomes(3)
    for each in (first, second, third):
        outbox.put(each)
    assert await outbox.take(2) == [first, second]
    assert await outbox.take(2) == [first, second]
    assert len(outbox) == 3
    outbox.done()
    assert await outbox.take(2) == [third]
    assert outbox.all_taken


async def test_a_full_outbox_holds_slots_back_until_something_is_written() -> None:
    outbox = Outbox(2)
    for each in outcomes(2):
        outbox.put(each)
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert (outbox.full, waiting.done()) == (True, False)
    await outbox.take(2)
    outbox.done()
    await asyncio.wait_for(waiting, 1)
    await asyncio.wait_for(outbox.drained(), 1)


def test_a_lane_that_came_short_rests_until_it_is_woken_freed_or_found_later() -> None:
    lanes = Lanes(make_plan(task("plain"), task("limited", limit=2)).queues["default"].lanes)
    assert [lanes.take()[0] for _ in range(3)] == [0, 1, 0]
    for position in (0, 1):
        lanes.came_short(position, 10.0)
    assert not lanes.any_hot
    lanes.found_ready([0, 1], 9.0)
    assert not lanes.any_hot
    lanes.found_ready([0], 10.0)
    assert lanes.take()[0] == 0
    lanes.came_short(0, 20.0)
    lanes.slot_freed("limited")
    assert lanes.take()[1].task == "limited"
    lanes.came_short(1, 20.0)
    lanes.wake()
    assert lanes.any_hot


def test_what_is_recorded_of_an_error_is_short_and_storable() -> None:
    assert clean("a\0b\ud800", 10) == "a\ufffdb?"
    assert len(clean("x" * 10_000_000, MESSAGE_LIMIT)) < MESSAGE_LIMIT + 100
    assert "\\u0000" not in error_record(ValueError("a\0b"))


def test_every_handler_that_cannot_be_bound_is_listed_at_once() -> None:
    plan = make_plan(
        task("gone", handler="tests.app.inline:handlers.no_such"),
        task("astray", handler="tests.no_such_module:run"),
        task("misshapen", handler="tests.database:clone.__name__.upper"),
    )
    with pytest.raises(BindingError) as caught:
        bind(plan, ["default"])
    assert "3 handlers could not be bound" in str(caught.value)
    assert all(f"task `{name}`" in str(caught.value) for name in ("gone", "astray", "misshapen"))


class TestSupply:
    """How much is claimed ahead: what ends in a tenth of a second, two batches, 32 MB; the least of them."""

    def held(self, supply: Supply, ahead: int) -> Any:
        """Slots in which `ahead` more than the concurrency are held, and that end 1,000,000 executions a second."""
        supply._rate = 1_000_000.0
        supply._sampled_at = time.monotonic() + 60  # no new measurement
        return SimpleNamespace(held=CONCURRENCY + ahead, buffered=ahead, finished=0, low_water=0)

    @pytest.fixture
    def supply(self) -> Supply:
        queue = {"worker_concurrency": CONCURRENCY, "fetch_batch_size": 100}
        return Supply(make_plan(task("plain"), queues={"default": queue}).queues["default"])

    def test_no_more_than_two_batches(self, supply: Supply) -> None:
        assert supply.room(self.held(supply, 0)) == 200
        assert supply.room(self.held(supply, 200)) == 0

    def test_no_more_than_so_many_bytes(self, supply: Supply) -> None:
        megabyte: ClaimedRow = (b"", "plain", 1, 1, "x" * 2**20, 0, datetime.now())
        supply.claimed([megabyte], 0.0)
        assert supply.room(self.held(supply, 0)) == 32
        assert supply.room(self.held(supply, 32)) == 0

    def test_nothing_while_nothing_ends(self, supply: Supply) -> None:
        slots = self.held(supply, 0)
        supply._rate = 0.0
        assert supply.room(slots) == 0
        slots.held = 0
        assert supply.room(slots) == CONCURRENCY


async def test_slow_handlers_hold_no_more_than_they_run_however_much_is_ready(stage: Stage) -> None:
    end = asyncio.Event()

    @stage.task()
    async def slow(payload: Any, ctx: Any) -> None:
        await end.wait()

    stage.observer.enqueue("slow", count=2_000)
    async with stage.running(worker_concurrency=3, fetch_batch_size=500) as orchestrator:
        worker = worker_of(orchestrator)
        await stage.until(lambda: worker.info().running == 3)
        await asyncio.sleep(0.3)
        assert (worker.info().running, worker.info().buffered) == (3, 0)
        assert stage.observer.counts() == {"running": 3, "ready": 1_997}
        end.set()
