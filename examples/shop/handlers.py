"""What the bookshop does when it is asked to."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from examples.conductor import tasks
from examples.conductor.models import (
    PlaceOrderPayload,
    PlaceOrderResult,
    RestockPayload,
    SalesReportPayload,
    SalesReportResult,
    SendReceiptPayload,
)
from pgconductor import Fatal

LOW = 3


async def place_order(payload: PlaceOrderPayload, ctx: tasks.Context) -> PlaceOrderResult:
    """Take the books from the shelf and have the receipt sent, in one transaction: neither happens without the other.

    It may run twice (a worker can die after the commit); the shop remembers the order, and the second time takes none.
    """
    shop = ctx.deps
    async with shop.transaction() as connection:
        missing = await shop.take(connection, payload.order_id, payload.lines)
        if missing:
            raise Fatal(f"sold out: {', '.join(missing)}")
        total = sum((line.price * line.copies for line in payload.lines), Decimal(0))
        receipt = await shop.conductor.bind(connection).send_receipt(
            SendReceiptPayload(order_id=payload.order_id, to=payload.customer, total=total),
            id=payload.order_id,  # the same id the second time: one receipt
        )
    for isbn in await shop.running_low(LOW):
        await shop.conductor.restock(RestockPayload(isbn=isbn), dedupe_key=isbn)
    return PlaceOrderResult(total=total, receipt=receipt.id)


async def send_receipt(payload: SendReceiptPayload, ctx: tasks.Context) -> None:
    """Stands for a mail server that takes its time."""
    await asyncio.sleep(0.05)
    ctx.logger.info("mailed %s: %s for order %s", payload.to, payload.total, payload.order_id)


async def restock(payload: RestockPayload, ctx: tasks.Context) -> None:
    """At most two at a time, however many workers there are: `concurrency = 2`."""
    await asyncio.sleep(0.1)
    await ctx.deps.put(payload.isbn, payload.copies)


async def sales_report(payload: SalesReportPayload, ctx: tasks.Context) -> SalesReportResult:
    return await ctx.deps.sales()
