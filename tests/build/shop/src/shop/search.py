from __future__ import annotations

from collections.abc import Sequence

from shop.conductor import tasks
from shop.conductor.models import IndexPayload, IndexResult


async def index(items: Sequence[IndexPayload], ctx: tasks.Context) -> Sequence[IndexResult]:
    return [IndexResult(indexed=item.boost > 0) for item in items]
