from __future__ import annotations

from uuid import uuid4

from shop.conductor import tasks
from shop.conductor.models import SendEmailPayload, SendEmailResult


async def send_email(payload: SendEmailPayload, ctx: tasks.Context) -> SendEmailResult:
    ctx.logger.info("mail by %s to %s", ctx.deps.mailer, payload.to)
    return SendEmailResult(message_id=uuid4())
