"""SEMANTICS, "Dedupe, throttle, debounce": dedupe keys under each scope, in one call and in races."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from pgconductor.plan.model import Plan
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Email, Numbered, Order

NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)
BY_ORDER = "select pgconductor.invoke('by_order', %s)"
ADA = Email(to="ada@example.org")


@pytest.fixture
async def crowd(shop: str, plan: Plan) -> AsyncIterator[list[Conductor]]:
    """Twelve conductors, each with connections of its own."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Conductor.connect(shop, plan=plan)) for _ in range(12)]


async def test_pending_and_skip_returns_the_one_that_waits(conductor: Conductor, backstage: Backstage) -> None:
    first = await conductor.send_email(ADA, dedupe_key="k", priority=1)
    again = await conductor.send_email(Email(to="other"), dedupe_key="k", priority=9)
    assert again == first
    row = backstage.row(first.id)
    assert (row["payload"]["to"], row["priority"], row["dedupe_key"]) == ("ada@example.org", 1, "k")
    assert backstage.count() == 1


async def test_pending_and_replace_gives_it_the_new_payload_priority_and_time(
    conductor: Conductor, backstage: Backstage
) -> None:
    backstage.set_clock(NOON)
    first = await conductor.latest(Numbered(number=1), dedupe_key="k", priority=1, delay="1h")
    assert await conductor.latest(Numbered(number=2), dedupe_key="k", priority=9, tags=["new"]) == first
    row = backstage.row(first.id)
    assert (row["state"], row["payload"]["number"], row["priority"], row["tags"]) == ("ready", 2, 9, ["new"])
    assert row["run_at"] == NOON
    assert await conductor.latest(Numbered(number=3), dedupe_key="k", run_at=NOON + timedelta(days=1)) == first
    row = backstage.row(first.id)
    assert (row["state"], row["payload"]["number"], row["run_at"]) == ("scheduled", 3, NOON + timedelta(days=1))
    assert backstage.count() == 1


async def test_pending_never_touches_one_that_runs_and_the_key_is_free(
    conductor: Conductor, backstage: Backstage
) -> None:
    for task in (conductor.latest, conductor.daily):
        first = await task(Numbered(number=1), dedupe_key="k")
        backstage.start(first.id)
        again = await task(Numbered(number=2), dedupe_key="k")
        assert (again == first) is (task is conductor.daily)
        assert backstage.row(first.id)["payload"]["number"] == 1


async def test_pending_never_touches_a_retry(conductor: Conductor, backstage: Backstage) -> None:
    first = await conductor.latest(Numbered(number=1), dedupe_key="k")
    backstage.rows("update pgconductor.ready set attempts = 1 returning 1")
    assert await conductor.latest(Numbered(number=2), dedupe_key="k") != first
    assert backstage.row(first.id)["payload"]["number"] == 1


@pytest.mark.parametrize("state", ["running", "retrying", "waiting"])
async def test_active_extends_to_what_runs_or_is_suspended(
    conductor: Conductor, backstage: Backstage, state: str
) -> None:
    first = await conductor.active(Numbered(number=1), dedupe_key="k")
    backstage.start(first.id)
    if state != "running":
        table = {"retrying": "scheduled", "waiting": "waiting"}[state]
        columns = "id, run_at, created_at, attempts, priority, version, queue, task, payload, dedupe_key"
        since = ", since) select {0}, now()" if table == "waiting" else ") select {0}"
        backstage.rows(
            "with gone as (delete from pgconductor.running returning *)"
            f" insert into pgconductor.{table} ({columns}" + since.format(columns) + " from gone returning 1"
        )
    assert await conductor.active(Numbered(number=2), dedupe_key="k") == first
    assert backstage.row(first.id)["payload"]["number"] == 1


async def test_after_an_active_one_ended_the_key_is_free(conductor: Conductor, backstage: Backstage) -> None:
    first = await conductor.active(Numbered(number=1), dedupe_key="k")
    backstage.run(first.id)
    assert await conductor.active(Numbered(number=2), dedupe_key="k") != first


async def test_a_duration_holds_the_key_so_long_after_the_enqueue_finished_or_not(
    conductor: Conductor, backstage: Backstage
) -> None:
    backstage.set_clock(NOON)
    first = await conductor.daily(Numbered(number=1), dedupe_key="k")
    backstage.run(first.id)
    backstage.set_clock(NOON + timedelta(hours=23, minutes=59))
    assert await conductor.daily(Numbered(number=2), dedupe_key="k") == first
    backstage.set_clock(NOON + timedelta(hours=24))
    assert await conductor.daily(Numbered(number=2), dedupe_key="k") != first


async def test_keys_belong_to_their_task(conductor: Conductor) -> None:
    assert await conductor.latest(Numbered(number=1), dedupe_key="k") != await conductor.active(
        Numbered(number=1), dedupe_key="k"
    )


async def test_a_cancelled_one_frees_its_key(conductor: Conductor) -> None:
    first = await conductor.send_email(ADA, dedupe_key="k")
    assert await first.cancel()
    assert await conductor.send_email(ADA, dedupe_key="k") != first


async def test_a_declared_key_is_made_of_the_payloads_fields_as_json(
    conductor: Conductor, backstage: Backstage
) -> None:
    first = await conductor.by_order(Order(order=7))
    assert await conductor.by_order(Order(order=7)) == first
    assert await conductor.by_order(Order(order=7, express=True)) != first
    assert backstage.row(first.id)["dedupe_key"] == "order-7-false"
    explicit = await conductor.by_order(Order(order=7), dedupe_key="mine")
    assert backstage.row(explicit.id)["dedupe_key"] == "mine"
    many = await conductor.by_order.many([Order(order=8), Order(order=9), Order(order=8)])
    assert many[0] == many[2] != many[1]


async def test_sql_comes_to_the_declared_key_that_clients_come_to(conductor: Conductor, backstage: Backstage) -> None:
    first = await conductor.by_order(Order(order=7))
    same = ('{"order": 7}', '{"express": false, "order": 7}', '{"order": 7, "note": "{order}"}')
    assert {backstage.value(BY_ORDER, payload) for payload in same} == {first.id}
    express = backstage.value(BY_ORDER, '{"order": 7, "express": true}')
    assert await conductor.by_order(Order(order=7, express=True)) == conductor.execution(express)
    explicit = backstage.value("select pgconductor.invoke('by_order', '{\"order\": 7}', dedupe_key => 'mine')")
    assert backstage.row(explicit)["dedupe_key"] == "mine"
    with pytest.raises(psycopg.Error, match='no field "order", which the dedupe key of task "by_order" is made of'):
        backstage.value(BY_ORDER, '{"express": true}')


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("{text}", "a {b} \\ 'c' \"d\" e"),
        ("{{{number}}}", "{12345678901234567890}"),
        ("{flag}/{nothing}/{number}", "true/null/12345678901234567890"),
        ("}}{{ plain {{flag}}", "}{ plain {flag}"),
        ("{given}{absent}{as_null}", "givenabsentnull"),
    ],
)
def test_a_declared_key_in_sql(shop: str, backstage: Backstage, template: str, made: str) -> None:
    payload = {
        "text": "a {b} \\ 'c' \"d\" e",
        "number": 12345678901234567890,
        "flag": True,
        "nothing": None,
        "given": "given",
    }
    defaults = {"given": "default", "absent": "absent", "as_null": None}
    query = (
        "select pgconductor.declared_key(t, %s::jsonb) from ("
        "select (json_populate_record(null::pgconductor.tasks, %s::json)).*) as t"
    )
    declared = json.dumps({"key": "k", "dedupe_key": template, "dedupe_defaults": defaults})
    assert backstage.value(query, json.dumps(payload), declared) == made
    # And by the formatting that clients use.
    fields = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in {**defaults, **payload}.items()
    }
    assert template.format_map(fields) == made


async def test_one_bulk_call_has_one_execution_a_key_and_the_last_replaces(
    conductor: Conductor, backstage: Backstage
) -> None:
    items = [(Numbered(number=number), {"dedupe_key": f"k{number % 3}"}) for number in range(30)]
    executions = await conductor.latest.many(items)  # type: ignore[arg-type]
    assert len({execution.id for execution in executions}) == 3
    assert [execution.id for execution in executions[:3]] * 10 == [execution.id for execution in executions]
    assert sorted(row["payload"]["number"] for row in backstage.rows()) == [27, 28, 29]


async def test_many_connections_racing_for_one_key_enqueue_one_execution(
    crowd: list[Conductor], backstage: Backstage
) -> None:
    for round in range(5):
        key = f"race {round}"
        racing = [conductor.send_email(ADA, dedupe_key=key) for conductor in crowd for _ in range(5)]
        executions = await asyncio.gather(*racing)
        assert len({execution.id for execution in executions}) == 1
    assert backstage.count() == 5


async def test_many_connections_replacing_one_key_leave_one_execution(
    crowd: list[Conductor], backstage: Backstage
) -> None:
    racing = [
        conductor.latest(Numbered(number=number), dedupe_key="k", delay="1h" if number % 2 else 0)
        for conductor in crowd
        for number in range(10)
    ]
    executions = await asyncio.gather(*racing)
    assert len({execution.id for execution in executions}) == 1
    assert backstage.count() == 1


async def test_at_most_one_pending_however_enqueues_promotions_and_claims_interleave(
    crowd: list[Conductor], backstage: Backstage, shop: str
) -> None:
    stop = asyncio.Event()
    live = "select (select count(*) from pgconductor.ready) + (select count(*) from pgconductor.scheduled)"

    async def move() -> None:
        async with await psycopg.AsyncConnection.connect(shop, autocommit=True) as worker:
            while not stop.is_set():
                await worker.execute(
                    "with due as (delete from pgconductor.scheduled where run_at <= now() returning *)"
                    " insert into pgconductor.ready select * from due"
                )
                await worker.execute("delete from pgconductor.ready where random() < 0.3")
                assert (await (await worker.execute(live)).fetchone()) in ((0,), (1,))

    async def enqueue(conductor: Conductor) -> None:
        for number in range(40):
            await conductor.latest(Numbered(number=number), dedupe_key="k", delay=0.002 * (number % 3))

    movers = [asyncio.create_task(move()) for _ in range(2)]
    try:
        await asyncio.gather(*(enqueue(conductor) for conductor in crowd[:4]))
    finally:
        stop.set()
    await asyncio.gather(*movers)
    assert backstage.value(live) <= 1


async def test_bulk_calls_with_the_same_keys_in_other_orders_do_not_deadlock(
    crowd: list[Conductor], backstage: Backstage
) -> None:
    keys = [f"k{number}" for number in range(60)]
    orders: list[Callable[[list[str]], list[str]]] = [lambda keys: keys, lambda keys: keys[::-1]]

    async def enqueue(conductor: Conductor, order: Callable[[list[str]], list[str]]) -> None:
        for _ in range(5):
            items = [(Numbered(number=1), {"dedupe_key": key}) for key in order(keys)]
            await conductor.latest.many(items)  # type: ignore[arg-type]

    await asyncio.gather(*(enqueue(conductor, orders[at % 2]) for at, conductor in enumerate(crowd)))
    assert backstage.count() == 60
    assert backstage.value("select deadlocks from pg_stat_database where datname = current_database()") == 0


async def test_what_a_transaction_was_told_will_run_does_not_run_before_its_commit(
    conductor: Conductor, backstage: Backstage, shop: str
) -> None:
    """Otherwise a skipped enqueue could be answered by an execution that did not see what the transaction wrote."""
    first = await conductor.send_email(ADA, dedupe_key="k")
    claimable = "select id from pgconductor.ready for update skip locked"
    async with await psycopg.AsyncConnection.connect(shop) as connection:
        assert await conductor.bind(connection).send_email(ADA, dedupe_key="k") == first
        assert backstage.rows(claimable) == []
        await connection.commit()
    assert [row["id"] for row in backstage.rows(claimable)] == [first.id]
