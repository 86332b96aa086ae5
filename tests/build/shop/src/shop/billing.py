from __future__ import annotations

from pydantic import BaseModel

from shop.conductor import tasks


# Beside the handler, in a module that the generated code names and that imports the generated code.
class Charge(BaseModel):
    tenant: str
    cents: int


class Receipt(BaseModel):
    number: int


def charge(payload: Charge, ctx: tasks.SyncContext) -> Receipt:
    return Receipt(number=payload.cents + ctx.attempt)
