"""The bookshop: an order takes books and sends one receipt, in one transaction."""

from __future__ import annotations

import json

from tests.examples.conftest import Run

DAY = """
import asyncio, json, sys, uuid
from decimal import Decimal
from pathlib import Path
from examples.conductor import Conductor
from examples.conductor.models import Line, PlaceOrderPayload, RestockPayload
from examples.shop.shop import Shop
from pgconductor import ExecutionFailed, Orchestrator

BOOK, RARE = "9780000000001", "9780000000002"

def order(isbn, copies):
    lines = [Line(isbn=isbn, copies=copies, price=Decimal("9.50"))]
    return PlaceOrderPayload(order_id=uuid.uuid4(), customer="reader@example.org", lines=lines)

async def main():
    async with Orchestrator.from_plan(Conductor.plan_path) as orchestrator, Shop() as shop:
        conductor = shop.conductor
        await (await conductor.restock(RestockPayload(isbn=BOOK, copies=5))).result(timeout="30s")
        sold = await (await conductor.place_order(order(BOOK, 4))).result(timeout="30s")
        receipt = await conductor.execution(sold.receipt).wait(timeout="30s")
        try:
            await (await conductor.place_order(order(RARE, 1))).result(timeout="30s")
        except ExecutionFailed as error:
            failure = str(error)
        report = await (await conductor.sales_report()).result(timeout="30s")
        while BOOK in await shop.running_low(3):
            await asyncio.sleep(0.05)
        print(json.dumps({"total": str(sold.total), "receipt": receipt, "failure": failure,
                          "report": report.model_dump(mode="json")}))

asyncio.run(main())
"""


def test_a_day_at_the_shop(run: Run) -> None:
    day = json.loads(run("-c", DAY).stdout)
    assert day["total"] == "38.00"
    assert day["receipt"] == "completed"
    assert "sold out: 9780000000002" in day["failure"]
    # What was sold out took nothing and sold nothing; what ran low was restocked.
    assert day["report"] == {"orders": 1, "books": 4, "revenue": "38.00"}
