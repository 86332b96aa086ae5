from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from shop.billing import Charge, Receipt
from shop.conductor import Conductor, SyncConductor
from shop.conductor.models import Address, OrderPaid, SendEmailPayload
from shop.money import Amount


async def main() -> None:
    async with Conductor.connect() as conductor:
        mail = SendEmailPayload(to="a@b.c", subject="hi", plan="pro")
        execution = await conductor.send_email(mail, priority=5, delay="5m", tags=["vip"])
        sent = await execution.result(timeout="30s")
        number: UUID = sent.message_id
        await conductor.send_email(mail, run_at=datetime.now(UTC), dedupe_key=str(number))
        receipt = await (await conductor.charge(Charge(tenant="a", cents=1))).result()
        print(receipt.number)
        await conductor.send_email.many([mail, (mail, {"delay": timedelta(minutes=5)})])
        paid = OrderPaid(order_id=number, total=Amount(value=Decimal(7)), paid_at=datetime.now(UTC))
        event: UUID = await conductor.emit.order_paid(paid, id=uuid4())
        await conductor.emit.stock_empty()
        await conductor.emit.charge_refunded(Receipt(number=event.int))


def plain() -> int:
    with SyncConductor.connect() as conductor:
        event: UUID = conductor.emit.stock_empty()
        conductor.emit.charge_refunded(Receipt(number=event.int))
        conductor.send_email(SendEmailPayload(to="a@b.c", subject="hi", address=Address(street="Elm 1")))
        return conductor.charge(Charge(tenant="a", cents=1)).result().number
