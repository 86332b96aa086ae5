from __future__ import annotations

from pydantic import BaseModel

from names.conductor import events, tasks
from names.conductor.models import HandlersPayload, Path


class Context: ...


class own(BaseModel):
    x: int


async def wait(ctx: tasks.Context) -> int:
    path: Path = await ctx.wait_for("path", events.path)
    await ctx.emit("again", events.path, path)
    return (await ctx.wait_for("own", events.own)).x


def handlers(payload: HandlersPayload, ctx: tasks.SyncContext) -> None: ...
