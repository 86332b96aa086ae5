"""An order over days: reserved, paid, shipped, and thanked for the next day, whoever works on it."""

from __future__ import annotations

import json

from tests.examples.conftest import Run

# Two workers: the first is gone before the money comes, the second before the night is over.
ORDER = """
import asyncio, json, sys, uuid
from decimal import Decimal
import psycopg
from examples.conductor import Conductor
from examples.conductor.models import FulfilOrderPayload, Line, OrderPaid, RestockPayload
from examples.shop.shop import Shop
from pgconductor import Orchestrator

BOOK = "9780000000001"

async def until(conductor, execution, state):
    while await execution.status() != state:
        await asyncio.sleep(0.02)

async def steps(url, execution):
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute(
            "select name, state from pgconductor.steps where execution_id = %s order by position", (execution.id,))
        return await cursor.fetchall()

async def night(url):
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("create or replace function pgconductor.clock() returns timestamptz"
            " language sql volatile parallel safe return clock_timestamp() + interval '25 hours'")
        await connection.execute("select pgconductor.create_history(1)")

async def main():
    async with Shop() as shop:
        conductor, order = shop.conductor, uuid.uuid4()
        lines = [Line(isbn=BOOK, copies=2, price=Decimal("9.50"))]
        payload = FulfilOrderPayload(order_id=order, customer="reader@example.org", lines=lines)
        async with Orchestrator.from_plan(Conductor.plan_path):
            await (await conductor.restock(RestockPayload(isbn=BOOK, copies=5))).result(timeout="60s")
            execution = await conductor.fulfil_order(payload)
            await until(conductor, execution, "waiting")
        await conductor.emit.order_paid(OrderPaid(order_id=uuid.uuid4(), amount=Decimal(1)))  # another order's
        unmoved = await execution.status()
        await conductor.emit.order_paid(OrderPaid(order_id=order, amount=Decimal("19.00")))
        async with Orchestrator.from_plan(Conductor.plan_path):
            await until(conductor, execution, "scheduled")
        asleep = await steps(conductor.url, execution)
        await night(conductor.url)
        async with Orchestrator.from_plan(Conductor.plan_path):
            result = await execution.result(timeout="60s")
        report = await shop.sales()
        print(json.dumps({"unmoved": unmoved, "asleep": asleep, "total": str(result.total), "parcel": result.parcel,
                          "order": str(order), "books": report.books,
                          "steps": [name for name, _ in await steps(conductor.url, execution)]}))

asyncio.run(main())
"""


def test_an_order_takes_days_and_several_workers(run: Run) -> None:
    told = json.loads(run("-c", ORDER).stdout)
    assert told["unmoved"] == "waiting"
    assert told["asleep"][-1] == ["until the next day", "waiting"]
    assert (told["total"], told["books"], told["parcel"]) == ("19.00", 2, f"parcel-{told['order']}")
    assert told["steps"] == ["reserve", "ask for payment", "payment", "ship", "until the next day", "receipt"]
