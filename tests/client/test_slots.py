"""SEMANTICS, "Dedupe, throttle, debounce": slots, aligned to the epoch in the database's time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from pgconductor.errors import ValidationError
from pgconductor.plan.model import Plan
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Email, Numbered

# Divisible by 60 s, but not by 7 minutes.
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)
ADA = Email(to="ada@example.org")


async def test_the_first_call_in_a_slot_wins_and_the_others_return_none(
    conductor: Conductor, backstage: Backstage
) -> None:
    backstage.set_clock(NOON)
    assert await conductor.send_email(ADA, throttle="1m") is not None
    backstage.set_clock(NOON + timedelta(seconds=59, microseconds=999_999))
    assert await conductor.send_email(ADA, throttle="1m") is None
    assert await conductor.send_email(ADA, throttle="1m", priority=9) is None
    backstage.set_clock(NOON + timedelta(seconds=60))
    assert await conductor.send_email(ADA, throttle="1m") is not None
    assert backstage.count() == 2


async def test_slots_are_aligned_to_the_epoch_not_to_the_first_call(conductor: Conductor, backstage: Backstage) -> None:
    backstage.set_clock(NOON + timedelta(seconds=50))
    assert await conductor.send_email(ADA, throttle="1m") is not None
    backstage.set_clock(NOON + timedelta(seconds=61))
    assert await conductor.send_email(ADA, throttle="1m") is not None
    assert backstage.value("select pgconductor.slot_end('7 minutes')").timestamp() % 420 == 0


async def test_with_a_key_slots_are_per_key_and_without_one_per_task(conductor: Conductor) -> None:
    assert await conductor.send_email(ADA, throttle="1h", dedupe_key="a") is not None
    assert await conductor.send_email(ADA, throttle="1h", dedupe_key="b") is not None
    assert await conductor.send_email(ADA, throttle="1h") is not None
    assert await conductor.latest(Numbered(number=1), throttle="1h") is not None
    assert await conductor.send_email(ADA, throttle="1h", dedupe_key="a") is None
    assert await conductor.send_email(ADA, throttle="1h") is None


async def test_a_throttled_call_is_none_whatever_became_of_the_winner(
    conductor: Conductor, backstage: Backstage
) -> None:
    winner = await conductor.send_email(ADA, throttle="1h")
    assert winner is not None
    backstage.run(winner.id)
    assert await conductor.send_email(ADA, throttle="1h") is None


async def test_the_same_throttled_call_again_is_the_same_execution(conductor: Conductor, backstage: Backstage) -> None:
    name = uuid4()
    winner = await conductor.send_email(ADA, throttle="1h", id=name)
    assert winner is not None
    assert await conductor.send_email(ADA, throttle="1h", id=name) == winner
    backstage.forget(name)
    assert await conductor.send_email(ADA, throttle="1h", id=name) == winner
    assert backstage.count() == 0


async def test_the_last_call_in_a_slot_wins_and_runs_at_its_end(conductor: Conductor, backstage: Backstage) -> None:
    backstage.set_clock(NOON + timedelta(seconds=10))
    first = await conductor.latest(Numbered(number=1), debounce="1m")
    backstage.set_clock(NOON + timedelta(seconds=59))
    assert await conductor.latest(Numbered(number=2), debounce="1m", priority=9) == first
    row = backstage.row(first.id)
    assert (row["state"], row["payload"]["number"], row["priority"]) == ("scheduled", 2, 9)
    assert row["run_at"] == NOON + timedelta(seconds=60)


async def test_a_call_in_the_next_slot_is_another_execution(conductor: Conductor, backstage: Backstage) -> None:
    backstage.set_clock(NOON)
    first = await conductor.latest(Numbered(number=1), debounce="1m")
    backstage.set_clock(NOON + timedelta(seconds=60))
    second = await conductor.latest(Numbered(number=2), debounce="1m")
    assert second != first
    assert [backstage.row(each.id)["payload"]["number"] for each in (first, second)] == [1, 2]
    assert backstage.row(second.id)["run_at"] == NOON + timedelta(seconds=120)


async def test_a_debounced_one_that_was_cancelled_makes_room(conductor: Conductor, backstage: Backstage) -> None:
    backstage.set_clock(NOON)
    first = await conductor.latest(Numbered(number=1), debounce="1m")
    assert await first.cancel()
    second = await conductor.latest(Numbered(number=2), debounce="1m")
    assert second != first
    assert await conductor.latest(Numbered(number=3), debounce="1m") == second


async def test_debounce_slots_are_per_key(conductor: Conductor) -> None:
    first = await conductor.latest(Numbered(number=1), debounce="1h", dedupe_key="a")
    assert await conductor.latest(Numbered(number=2), debounce="1h", dedupe_key="b") != first
    assert await conductor.latest(Numbered(number=3), debounce="1h", dedupe_key="a") == first


async def test_both_at_once_are_an_error(conductor: Conductor) -> None:
    with pytest.raises(ValidationError, match=r"`throttle` of task `latest` excludes `debounce`"):
        await conductor.latest(Numbered(number=1), throttle="1m", debounce="1m")


async def test_all_of_it_holds_inside_one_bulk_call(conductor: Conductor, backstage: Backstage) -> None:
    backstage.set_clock(NOON)
    payloads = [Numbered(number=number) for number in range(10)]
    throttled = await conductor.latest.many(payloads, throttle="1m")
    assert [execution is None for execution in throttled] == [False] + [True] * 9
    assert backstage.rows()[0]["payload"]["number"] == 0
    debounced = await conductor.latest.many(payloads, debounce="1m", dedupe_key="other")
    assert len(set(debounced)) == 1
    assert backstage.row(debounced[0].id)["payload"]["number"] == 9


@pytest.mark.parametrize("kind", ["throttle", "debounce"])
async def test_many_connections_racing_for_one_slot_enqueue_one_execution(
    shop: str, plan: Plan, backstage: Backstage, kind: str
) -> None:
    backstage.set_clock(NOON)

    async def caller() -> list[object]:
        async with Conductor.connect(shop, plan=plan, coalesce=False) as conductor:
            json = [f'{{"number": {number}}}' for number in range(5)]
            return list(await asyncio.gather(*(conductor.invoke_json("latest", each, {kind: "1h"}) for each in json)))

    answers = [answer for answers in await asyncio.gather(*(caller() for _ in range(10))) for answer in answers]
    assert backstage.count() == 1
    assert len({answer for answer in answers if answer is not None}) == 1
    assert (None in answers) is (kind == "throttle")
