from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from shop.billing import Charge
from shop.conductor import Conductor, SyncConductor
from shop.conductor.models import Address, SendEmailPayload


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


def plain() -> int:
    with SyncConductor.connect() as conductor:
        conductor.send_email(SendEmailPayload(to="a@b.c", subject="hi", address=Address(street="Elm 1")))
        return conductor.charge(Charge(tenant="a", cents=1)).result().number
