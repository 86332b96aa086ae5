"""Handlers that do nothing but say that they ran."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmarks.tally import Tally
    from pgconductor.api.context import Context


class Numbered(Protocol):
    """What the payloads of all tasks have in common."""

    @property
    def i(self) -> int: ...


async def three_steps(payload: Numbered, ctx: Context[Tally]) -> None:
    first = await ctx.step("first", double, payload.i)
    second = await ctx.step("second", double, first)
    await ctx.step("third", double, second)
    ctx.deps.add(payload.i)


async def double(n: int) -> int:
    return 2 * n


async def count(payload: Numbered, ctx: Context[Tally]) -> None:
    ctx.deps.add(payload.i)


async def stamp(payload: Numbered, ctx: Context[Tally]) -> None:
    ctx.deps.stamp(payload.i)


async def pause(payload: Numbered, ctx: Context[Tally]) -> None:
    await asyncio.sleep(0.02)
