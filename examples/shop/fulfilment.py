"""An order from the shelf to the receipt: a workflow that takes days, and that no crash makes begin anew.

Whatever ends the worker in between, the next one runs this function again from its first line; each durable call finds
what it returned before, and the first that has no record is where the order really is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from psycopg import AsyncConnection

from examples.conductor import events, tasks
from examples.conductor.models import (
    FulfilOrderPayload,
    FulfilOrderResult,
    Line,
    SendReceiptPayload,
    ShipOrderPayload,
    ShipOrderResult,
)
from pgconductor import Fatal, WaitTimeout


async def fulfil_order(payload: FulfilOrderPayload, ctx: tasks.Context) -> FulfilOrderResult:
    shop, order = ctx.deps, payload.order_id

    @ctx.transaction("reserve")
    async def reserve(connection: AsyncConnection) -> Decimal:
        """The books leave the shelf and the step is recorded in one commit: exactly once."""
        if missing := await shop.take(connection, order, payload.lines):
            raise Fatal(f"sold out: {', '.join(missing)}")
        return total_of(payload.lines)

    total = await reserve()
    await ctx.step("ask for payment", ask_for_payment, order, total)
    try:
        await ctx.wait_for("payment", events.order_paid, where={"order_id": order}, timeout="3d")
    except WaitTimeout:
        await ctx.transaction("give back", shop.give_back, order)
        raise Fatal("nobody paid within three days") from None
    shipped = await ctx.invoke("ship", tasks.ship_order, ShipOrderPayload(order_id=order))
    await ctx.sleep("until the next day", "1d")
    receipt = SendReceiptPayload(order_id=order, to=payload.customer, total=total)
    await ctx.invoke("receipt", tasks.send_receipt, receipt)
    return FulfilOrderResult(total=total, parcel=shipped.parcel)


async def ask_for_payment(order: UUID, total: Decimal) -> str:
    """Stands for a payment provider. It knows an order by its id, so that asking twice is asking once."""
    await asyncio.sleep(0.05)
    return f"payment-{order}"


async def ship_order(payload: ShipOrderPayload, ctx: tasks.Context) -> ShipOrderResult:
    """Stands for a carrier."""
    await asyncio.sleep(0.05)
    return ShipOrderResult(parcel=f"parcel-{payload.order_id}")


def total_of(lines: Sequence[Line]) -> Decimal:
    return sum((line.price * line.copies for line in lines), Decimal(0))
