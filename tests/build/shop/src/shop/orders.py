from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from pgconductor.api.events import (
    CronFired,
    EventReceived,
    Invoked,
    RowDeleted,
    RowInserted,
    RowUpdated,
)
from shop.conductor import tasks
from shop.conductor.models import ShipOrderResult


async def ship_order(event: tasks.ShipOrderEvent, ctx: tasks.Context) -> ShipOrderResult:
    match event:
        case Invoked(payload=payload):
            order: UUID | str = payload.order_id
        case CronFired(name=name):
            fired: Literal["morning", "evening"] = name
            order = fired
        case EventReceived(name=name):
            received: Literal["order.paid", "stock.empty"] = name
            order = received
        case RowInserted(table=table):
            order = table
        case RowUpdated(old=old, new=new):
            shipped: datetime | None = new.shipped_at or old.shipped_at
            order = f"{new.id} {new.class_} {shipped}"
        case RowDeleted(old=old):
            order = old.id
        case _:
            assert_never(event)
    return ShipOrderResult(parcel=str(order))
