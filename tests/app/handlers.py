"""Handlers of processes: importable by name, as a user's are."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from pgconductor.api.context import Context, SyncContext
from pgconductor.errors import Fatal, Retry
from tests.app import tasks
from tests.app.ledger import record, record_blocking
from tests.app.tasks import Work


async def nothing(payload: Work, ctx: Context[Any]) -> None:
    """Ends at once."""


async def work(payload: Work, ctx: Context[Any]) -> None:
    """Takes `ms`, and writes its start and its end into the ledger."""
    async with record(ctx):
        await asyncio.sleep(payload.ms / 1000)


async def narrow(payload: Work, ctx: Context[Any]) -> None:
    """The same as a task with a limit."""
    await work(payload, ctx)


async def stumble(payload: Work, ctx: Context[Any]) -> None:
    """The same, but its first two attempts fail."""
    await work(payload, ctx)
    if ctx.attempt < 3:
        raise ValueError(f"attempt {ctx.attempt}")


def toil(payload: Work, ctx: Context[Any]) -> None:
    """The same as a sync handler."""
    with record_blocking(ctx):
        time.sleep(payload.ms / 1000)


async def kill_worker(payload: Work, ctx: Context[Any]) -> None:
    """Takes its process with it."""
    async with record(ctx):
        os._exit(1)


def answer_square(payload: Work, ctx: Context[Any]) -> int:
    return payload.n**2


async def answer_async_square(payload: Work, ctx: Context[Any]) -> int:
    await asyncio.sleep(0)
    return payload.n**2


def answer_pid(payload: Work, ctx: Context[Any]) -> int:
    time.sleep(payload.ms / 1000)
    return os.getpid()


def answer_context(payload: Work, ctx: Context[Any]) -> dict[str, Any]:
    return {"id": str(ctx.execution_id), "task": ctx.task, "queue": ctx.queue, "attempt": ctx.attempt}


def die(payload: Work, ctx: Context[Any]) -> None:
    os._exit(1)


def exit_politely(payload: Work, ctx: Context[Any]) -> None:
    raise SystemExit("enough")


async def delegate(payload: Work, ctx: Context[Any]) -> None:
    """Leaves all to a child."""
    await ctx.invoke("child", tasks.nothing, Work())


def give_up(payload: Work, ctx: Context[Any]) -> None:
    raise Fatal("no such order")


def come_back(payload: Work, ctx: Context[Any]) -> None:
    raise Retry("busy", delay="60s")


class Particular(Exception):
    """Can be raised, and cannot be made again from its arguments: pickle fails in the receiving process."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} ({code})")


def be_particular(payload: Work, ctx: Context[Any]) -> None:
    raise Particular(7, "not like this")


def run_out(payload: Work, ctx: Context[Any]) -> None:
    next(iter(()))


def threads() -> Executor:
    """A factory as `executor = "module:factory"` names it."""
    return ThreadPoolExecutor(2, thread_name_prefix="foreign")


def no_executor() -> str:
    return "not an executor"


def broken_factory() -> Executor:
    raise OSError("no cluster here")


def answer_steps(payload: Work, ctx: SyncContext[Any]) -> int:
    """Two steps, whose second run remembers the first."""
    squared: int = ctx.step("square", _square, payload.n)
    if ctx.attempt == 1:
        raise ValueError("once more")
    ctx.step("note", _square, 0)
    return squared


def _square(n: int) -> int:
    return n * n
