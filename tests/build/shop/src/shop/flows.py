"""Every durable call, typed, in handlers of both kinds."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg import AsyncConnection, Connection

from pgconductor.errors import ChildFailed
from shop.billing import Charge, Receipt
from shop.conductor import events, tasks
from shop.conductor.models import (
    FulfilPayload,
    FulfilResult,
    IndexPayload,
    IndexResult,
    SettlePayload,
    SettleResult,
    ShipOrderPayload,
    StockEmpty,
)


async def take_money(cents: int, *, tenant: str = "shop") -> Receipt:
    return Receipt(number=cents + len(tenant))


def count(books: list[str]) -> int:
    return len(books)


async def reserve(connection: AsyncConnection[Any], books: list[str]) -> int:
    await connection.execute("update stock set copies = copies - 1 where isbn = any (%s)", (books,))
    return len(books)


def reserve_blocking(connection: Connection[Any], isbn: str) -> bool:
    return connection.execute("update stock set copies = copies - 1 where isbn = %s", (isbn,)).rowcount > 0


async def fulfil(payload: FulfilPayload, ctx: tasks.Context) -> FulfilResult:
    receipt = await ctx.step("charge", take_money, payload.cents, tenant=ctx.deps.mailer)
    number: int = receipt.number
    books: int = await ctx.step("count", count, payload.books)
    reserved: int = await ctx.transaction("reserve", reserve, payload.books)

    @ctx.step("note")
    async def note(text: str) -> bool:
        return len(text) == number

    noted: bool = await note("three books")
    await ctx.sleep("cool off", "1h")
    await ctx.sleep_until("opening", datetime(2030, 1, 1, tzinfo=UTC))
    where = {"order_id": payload.order_id}
    paid = await ctx.wait_for("payment", events.order_paid, where=where, timeout="3d")
    when: datetime = paid.paid_at
    refunded = await ctx.wait_for("refund", events.charge_refunded)
    await ctx.emit("sold out", events.stock_empty, StockEmpty())
    pages = [IndexPayload(document=book, boost=Decimal(1)) for book in payload.books]
    indexed: list[IndexResult] = await ctx.map("index", tasks.index, pages, max_parallel=2)
    tried = await ctx.map("try", tasks.index, pages, return_errors=True)
    failed: list[ChildFailed] = [each for each in tried if isinstance(each, ChildFailed)]
    await ctx.checkpoint()
    ctx.progress(books, reserved, f"{noted} {when} {refunded.number} {len(indexed)} {len(failed)}")
    shipped = await ctx.invoke("ship", tasks.ship_order, ShipOrderPayload(order_id=payload.order_id), timeout="1d")
    return FulfilResult(parcel=shipped.parcel)


def settle(payload: SettlePayload, ctx: tasks.SyncContext) -> SettleResult:
    books: int = ctx.step("count", count, ["a", "b"])
    reserved: bool = ctx.transaction("reserve", reserve_blocking, "978")
    ctx.sleep("cool off", 60)
    paid = ctx.wait_for("payment", events.order_paid, where={"order_id": payload.order_id})
    ctx.emit("sold out", events.stock_empty, StockEmpty())
    receipt: Receipt = ctx.invoke("charge", tasks.charge, Charge(tenant="a", cents=payload.cents))
    receipts: list[Receipt] = ctx.map("charges", tasks.charge, [Charge(tenant="a", cents=1)])
    ctx.checkpoint()
    return SettleResult(rows=books + reserved + paid.paid_at.year + receipt.number + len(receipts))
