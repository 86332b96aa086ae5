"""An order, with a durable call of each kind: what the crash tests kill their workers in."""

from __future__ import annotations

import os
from typing import Any

from pgconductor.api.event import Event
from pgconductor.api.model import Model
from pgconductor.errors import Fatal
from tests.app import tasks
from tests.app.tasks import Work

# Where steps leave a line each time they run.
EFFECTS = "ORDER_EFFECTS"
TABLES = "create table reserved (n int); create table shipped (n int)"


class Paid(Model, frozen=True):
    order: int


PAID = Event("order.paid", Paid)


def charge(order: int) -> str:
    with open(os.environ[EFFECTS], "a") as effects:
        effects.write(f"charge {order}\n")
    return f"receipt {order}"


async def reserve(connection: Any, order: int) -> int:
    await connection.execute("insert into reserved values (%s)", (order,))
    return order


async def ship(connection: Any, order: int) -> None:
    await connection.execute("insert into shipped values (%s)", (order,))


def reserve_blocking(connection: Any, order: int) -> None:
    connection.execute("insert into reserved values (%s)", (order,))


async def answer_order(payload: Work, ctx: Any) -> Any:
    reserved = await ctx.transaction("reserve", reserve, payload.n)
    receipt = await ctx.step("charge", charge, payload.n)
    paid = await ctx.wait_for("paid", PAID, where={"order": payload.n}, timeout="3d")
    await ctx.sleep("cool off", "24h")
    shipped = await ctx.invoke("ship", tasks.answer_parcel, Work(n=payload.n))
    copies = await ctx.map("copies", tasks.answer_copy, [Work(n=n) for n in range(3)])
    await ctx.emit("tell", PAID, Paid(order=payload.n))
    return [reserved, receipt, paid.order, shipped, copies]


async def answer_parcel(payload: Work, ctx: Any) -> Any:
    await ctx.transaction("ship", ship, payload.n)
    await ctx.sleep("on the road", "2d")
    return "delivered"


async def answer_copy(payload: Work, ctx: Any) -> Any:
    return payload.n


def answer_sync_order(payload: Work, ctx: Any) -> Any:
    ctx.transaction("reserve", reserve_blocking, payload.n)
    receipt: str = ctx.step("charge", charge, payload.n)
    return receipt


async def answer_once(payload: Work, ctx: Any) -> Any:
    return payload.n


async def answer_forgotten(payload: Work, ctx: Any) -> Any:
    """Charges, and remembers nothing of it."""
    charge(payload.n)
    await ctx.step("note", str, payload.n)
    return payload.n


async def answer_moody(payload: Work, ctx: Any) -> Any:
    """Fails when it is run again."""
    await ctx.step("note", charge, payload.n)
    if ctx.attempt > 1:
        raise Fatal("never again")


async def answer_waiting(payload: Work, ctx: Any) -> Any:
    await ctx.wait_for("paid", PAID)
