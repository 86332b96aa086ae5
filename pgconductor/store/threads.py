"""Blocking calls of an event loop, in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def to_its_end(function: Callable[..., T], *values: Any) -> T:
    """Call in a thread. Who is cancelled meanwhile waits for its end: what it opens or registers is known then."""
    call = asyncio.ensure_future(asyncio.to_thread(function, *values))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        raise
