"""Many coroutines awaiting single enqueues become one statement; each is still an enqueue of its own."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import psycopg
import pytest

from pgconductor.client.link import PooledLink
from pgconductor.errors import ConductorError, DatabaseError
from pgconductor.plan.model import Plan
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Email, Numbered

ADA = Email(to="ada@example.org")
TRANSACTIONS = "select count(distinct xmin::text) from pgconductor.ready"


async def until_blocked(backstage: Backstage) -> None:
    """Wait until somebody waits for a lock."""
    for _ in range(1_000):
        if backstage.value("select count(*) from pg_locks where not granted"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_callers_that_await_at_the_same_time_share_a_statement(
    conductor: Conductor, backstage: Backstage
) -> None:
    calls = [conductor.send_email(ADA), *(conductor.latest(Numbered(number=number)) for number in range(200))]
    executions = await asyncio.gather(*calls)
    assert len({execution.id for execution in executions}) == 201
    assert [
        row["payload"]["number"] for row in backstage.rows("select payload from pgconductor.ready_default order by id")
    ] == [*range(200)]
    assert backstage.value(TRANSACTIONS) == 1


async def test_what_arrives_while_a_statement_is_under_way_is_the_next(
    conductor: Conductor, backstage: Backstage
) -> None:
    async def caller() -> None:
        for _ in range(20):
            await conductor.sweep()

    await asyncio.gather(*(caller() for _ in range(50)))
    assert backstage.count() == 1_000
    assert backstage.value(TRANSACTIONS) <= 40


async def test_opt_out(shop: str, plan: Plan, backstage: Backstage) -> None:
    async with Conductor.connect(shop, plan=plan, coalesce=False) as conductor:
        await asyncio.gather(*(conductor.sweep() for _ in range(50)))
    assert backstage.value(TRANSACTIONS) == 50


async def test_an_error_reaches_only_the_caller_it_belongs_to(conductor: Conductor, backstage: Backstage) -> None:
    backstage.poison(13)
    calls = [conductor.latest(Numbered(number=number % 40)) for number in range(100)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [number for number, answer in enumerate(answers) if isinstance(answer, BaseException)]
    assert refused == [13, 53, 93]
    assert all(isinstance(answers[number], DatabaseError) for number in refused)
    assert backstage.count() == 97


async def test_each_caller_gets_an_error_of_its_own(shop: str, plan: Plan, backstage: Backstage) -> None:
    backstage.connection.execute("drop schema pgconductor cascade")
    async with Conductor.connect(shop, plan=plan) as conductor:
        errors = await asyncio.gather(conductor.sweep(), conductor.sweep(), return_exceptions=True)
    assert [type(error).__name__ for error in errors] == ["SchemaMismatch", "SchemaMismatch"]
    assert errors[0] is not errors[1]


async def test_a_caller_that_is_cancelled_before_the_statement_enqueues_nothing(
    conductor: Conductor, backstage: Backstage
) -> None:
    calls = [asyncio.create_task(conductor.latest(Numbered(number=number))) for number in range(10)]
    for call in calls:
        call.cancel() if calls.index(call) % 2 else None
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [False, True] * 5
    assert [row["payload"]["number"] for row in backstage.rows()] == [0, 2, 4, 6, 8]


async def test_a_caller_that_is_cancelled_during_the_statement_harms_no_other(
    conductor: Conductor, backstage: Backstage, shop: str
) -> None:
    async with await psycopg.AsyncConnection.connect(shop) as blocker:
        await blocker.execute("lock table pgconductor.ready_default in exclusive mode")
        calls = [asyncio.create_task(conductor.latest(Numbered(number=number))) for number in range(10)]
        await asyncio.sleep(0.2)
        calls[3].cancel()
        await asyncio.sleep(0.1)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [number == 3 for number in range(10)]
    assert backstage.count() == 10
    await conductor.sweep()


async def test_one_that_waits_for_a_key_does_not_hold_up_those_without(
    conductor: Conductor, backstage: Backstage, shop: str
) -> None:
    async with await psycopg.AsyncConnection.connect(shop) as holder:
        await conductor.bind(holder).latest(Numbered(number=1), dedupe_key="k")
        waiting = asyncio.create_task(conductor.latest(Numbered(number=2), dedupe_key="k"))
        await asyncio.sleep(0.1)
        await asyncio.wait_for(asyncio.gather(*(conductor.sweep() for _ in range(20))), 2)
        assert not waiting.done()
        await holder.rollback()
    assert backstage.row((await waiting).id)["payload"]["number"] == 2


async def test_callers_with_the_same_id_or_key_in_one_statement_get_the_same_execution(
    conductor: Conductor, backstage: Backstage
) -> None:
    name = uuid4()
    calls = [conductor.send_email(ADA, id=name) for _ in range(5)]
    calls += [conductor.send_email(ADA, dedupe_key="k") for _ in range(5)]
    executions = await asyncio.gather(*calls)
    assert {execution.id for execution in executions[:5]} == {name}
    assert len(set(executions[5:])) == 1
    assert backstage.count() == 2


async def test_closing_waits_for_what_is_under_way(shop: str, plan: Plan, backstage: Backstage) -> None:
    conductor = Conductor.connect(shop, plan=plan)
    await conductor.open()
    calls = [asyncio.create_task(conductor.sweep()) for _ in range(10)]
    await asyncio.sleep(0)
    await conductor.close()
    await asyncio.gather(*calls)
    assert backstage.count() == 10
    with pytest.raises(ConductorError, match="is not open"):
        await conductor.sweep()


async def test_closing_waits_for_bulk_enqueues_too(shop: str, plan: Plan, backstage: Backstage) -> None:
    conductor = Conductor.connect(shop, plan=plan)
    await conductor.open()
    async with await psycopg.AsyncConnection.connect(shop) as blocker:
        await blocker.execute("lock table pgconductor.ready_default in exclusive mode")
        calls = [asyncio.create_task(conductor.latest.many([Numbered(number=number)])) for number in range(30)]
        await until_blocked(backstage)
        closing = asyncio.create_task(conductor.close())
        await asyncio.sleep(0.1)
        assert not closing.done()
        await blocker.rollback()
    await closing
    assert [call.done() for call in calls] == [True] * 30
    await asyncio.gather(*calls)
    assert backstage.count() == 30


async def test_closing_that_is_cancelled_still_disconnects(shop: str, plan: Plan, backstage: Backstage) -> None:
    conductor = Conductor.connect(shop, plan=plan)
    await conductor.open()
    assert isinstance(conductor.link, PooledLink)
    opened = conductor.link._opened
    assert opened is not None
    async with await psycopg.AsyncConnection.connect(shop) as blocker:
        await blocker.execute("lock table pgconductor.ready_default in exclusive mode")
        call = asyncio.create_task(conductor.sweep())
        await until_blocked(backstage)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(conductor.close(), 0.1)
        assert opened.pool._pool.closed
        await blocker.rollback()
    await call
    assert backstage.count() == 1
