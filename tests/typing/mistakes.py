"""Every mistake here must be found by mypy --strict (first word after E) and pyright strict (second)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never
from uuid import uuid4

from shop.billing import Charge
from shop.conductor import Conductor, SyncConductor, tasks
from shop.conductor.models import (
    Address,
    IndexPayload,
    IndexResult,
    SendEmailPayload,
    SendEmailResult,
    ShipOrderPayload,
    ShipOrderResult,
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
