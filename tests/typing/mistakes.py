"""Every mistake here must be found by mypy --strict (first word after E) and pyright strict (second)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never
from uuid import uuid4

from shop.billing import Charge
from shop.conductor import Conductor, SyncConductor, events, tasks
from shop.conductor.models import (
    Address,
    IndexPayload,
    IndexResult,
    OrderPaid,
    SendEmailPayload,
    SendEmailResult,
    ShipOrderPayload,
    ShipOrderResult,
    StockEmpty,
)

from pgconductor.api.events import CronFired, EventReceived, Invoked


async def enqueue(conductor: Conductor) -> None:
    mail = SendEmailPayload(to="a@b.c", subject="hi")
    await conductor.send_email(Charge(tenant="a", cents=1))  # E call-overload reportArgumentType
    await conductor.send_email(mail, priorty=5)  # E call-overload reportCallIssue
    await conductor.send_email(mail, priority="high")  # E call-overload reportArgumentType
    await conductor.send_email()  # E call-overload reportCallIssue
    await conductor.send_mail(mail)  # E attr-defined reportAttributeAccessIssue
    await conductor.nightly(mail)  # E attr-defined reportAttributeAccessIssue
    receipt = await (await conductor.charge(Charge(tenant="a", cents=1))).result()
    print(receipt.numbr)  # E attr-defined reportAttributeAccessIssue
    many = conductor.send_email.many
    await many([mail, Charge(tenant="a", cents=1)])  # E list-item reportArgumentType,reportCallIssue
    await conductor.old_report()  # E - reportDeprecated


def block(conductor: SyncConductor) -> None:
    conductor.charge(Charge(tenant="a", cents=1), dedup_key="a")  # E call-overload reportCallIssue
    number: str = conductor.charge(Charge(tenant="a", cents=1)).result().number  # E assignment reportAssignmentType
    print(number)


async def emit(conductor: Conductor, paid: OrderPaid) -> None:
    await conductor.emit.order_paid(StockEmpty())  # E arg-type reportArgumentType
    await conductor.emit.order_paid()  # E call-arg reportCallIssue
    await conductor.emit.order_payed(paid)  # E attr-defined reportAttributeAccessIssue
    await conductor.emit.order_paid(paid, delay="5m")  # E call-arg reportCallIssue
    conductor.emit.order_paid(paid)  # E unused-coroutine reportUnusedCoroutine
    event: str = await conductor.emit.order_paid(paid)  # E assignment reportAssignmentType
    print(event)


def emit_blocking(conductor: SyncConductor) -> None:
    conductor.emit.order_paid(StockEmpty())  # E arg-type reportArgumentType


def double(number: int) -> int:
    return number * 2


async def fetch(url: str) -> bytes:
    return url.encode()


async def durable(ctx: tasks.Context, mail: SendEmailPayload) -> None:
    paid = await ctx.wait_for("payment", events.order_paid)
    moment: str = paid.paid_at  # E assignment reportAssignmentType
    print(moment, paid.amount)  # E attr-defined reportAttributeAccessIssue
    total = ctx.wait_for("payment", events.order_paid).total  # E attr-defined reportAttributeAccessIssue
    print(total)
    await ctx.wait_for("payment", "order.paid")  # E arg-type reportArgumentType
    await ctx.wait_for("payment", events.order_paid, where={"order_id": 1}, timout="3d")  # E call-arg reportCallIssue
    await ctx.emit("tell", events.order_paid, StockEmpty())  # E misc reportArgumentType
    ctx.sleep("nap", "1h")  # E unused-coroutine reportUnusedCoroutine
    ctx.step("double", double, 1)  # E unused-coroutine reportUnusedCoroutine
    text: str = await ctx.step("double", double, 1)  # E call-overload reportAssignmentType
    body: str = await ctx.step("fetch", fetch, "https://example.org")  # E call-overload reportAssignmentType
    print(text, body)
    await ctx.step("double", double, "1")  # E call-overload reportArgumentType,reportCallIssue
    await ctx.step("double", double)  # E call-overload reportCallIssue
    await ctx.invoke("index", tasks.index, mail)  # E misc reportArgumentType
    sent: ShipOrderResult = await ctx.invoke("mail", tasks.send_email, mail)  # E arg-type reportAssignmentType
    many: list[str] = await ctx.map("mails", tasks.send_email, [mail])  # E arg-type reportAssignmentType
    tried = await ctx.map("mails", tasks.send_email, [mail], return_errors=True)
    print(sent, many, tried[0].message_id)  # E union-attr reportAttributeAccessIssue
    await ctx.map("mails", tasks.send_email, [StockEmpty()])  # E misc reportArgumentType


async def durable_blocking(ctx: tasks.SyncContext, mail: SendEmailPayload) -> None:
    await ctx.sleep("nap", "1h")  # E func-returns-value,misc reportGeneralTypeIssues
    await ctx.step("double", double, 1)  # E misc reportGeneralTypeIssues
    await ctx.wait_for("payment", events.order_paid)  # E misc reportGeneralTypeIssues
    await ctx.invoke("mail", tasks.send_email, mail)  # E misc reportGeneralTypeIssues
    ctx.invoke("mail", tasks.send_email, StockEmpty())  # E misc reportArgumentType


def build() -> None:
    SendEmailPayload(to="a@b.c")  # E call-arg reportCallIssue
    SendEmailPayload(to="a@b.c", subject="hi", plan="gold")  # E arg-type reportArgumentType
    SendEmailPayload(to="a@b.c", subject="hi", tga={"a"})  # E call-arg reportCallIssue
    SendEmailPayload(to=1, subject="hi")  # E arg-type reportArgumentType
    address = Address(street="Elm 1")
    address.street = "Oak 2"  # E misc reportAttributeAccessIssue


def wrong_payload(payload: Charge, ctx: tasks.SyncContext) -> None: ...


async def wrong_return(payload: SendEmailPayload, ctx: tasks.Context) -> ShipOrderResult:
    return ShipOrderResult(parcel=ctx.deps.mailr)  # E attr-defined reportAttributeAccessIssue


async def no_return(payload: SendEmailPayload, ctx: tasks.Context) -> None: ...


async def no_context(payload: SendEmailPayload) -> SendEmailResult:
    return SendEmailResult(message_id=str(uuid4()))  # E arg-type reportArgumentType


async def takes_payload(payload: ShipOrderPayload, ctx: tasks.Context) -> ShipOrderResult:
    return ShipOrderResult(parcel="1")


async def one_by_one(item: IndexPayload, ctx: tasks.Context) -> IndexResult:
    return IndexResult(indexed=True)


async def returns_one(items: Sequence[IndexPayload], ctx: tasks.Context) -> IndexResult:
    return IndexResult(indexed=len(items) > 0)


async def not_exhaustive(event: tasks.ShipOrderEvent, ctx: tasks.Context) -> ShipOrderResult:
    match event:
        case Invoked(payload=payload):
            order = payload.order_id
        case CronFired():
            order = uuid4()
        case EventReceived(name="order.shipped"):  # E - reportUnnecessaryComparison
            order = uuid4()
        case _:
            assert_never(event)  # E arg-type reportArgumentType
    return ShipOrderResult(parcel=str(order))
