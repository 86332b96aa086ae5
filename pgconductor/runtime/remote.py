"""A handler's call in another process: everything it needs, as text that any worker of any executor can take."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, TypeVar

from pgconductor.api.context import Context
from pgconductor.api.task import Task
from pgconductor.runtime.deps import process_deps
from pgconductor.runtime.failure import Described

if TYPE_CHECKING:
    from pgconductor.plan.model import Plan
    from pgconductor.runtime.handlers import Handler


T = TypeVar("T")


@dataclass(frozen=True)
class Invocation:
    """One call, free of references to this process. The payload travels as JSON, the result comes back as JSON."""

    package: str
    task: str
    handler: str
    payload: str
    execution_id: bytes
    queue: str
    attempt: int
    context: str | None
    path: tuple[str, ...]

    @classmethod
    def of(cls, plan: Plan, handler: Handler, payload: Any, ctx: Context[Any]) -> Invocation:
        assert handler.plan.handler is not None
        return cls(
            package=plan.package,
            task=handler.plan.name,
            handler=handler.plan.handler,
            payload=handler.task.encode(payload).decode(),
            execution_id=ctx.execution_id.bytes,
            queue=ctx.queue,
            attempt=ctx.attempt,
            context=plan.context,
            path=tuple(sys.path),
        )


def join_parent() -> None:
    """What a process of ours does first: it ends when its parent does, even by kill -9, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_after, args=(parent.sentinel,), name="pgconductor parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def run_remote(invocation: Invocation) -> str | None:
    """Call the handler here and return its result as JSON.

    Raises:
        Described: in place of an exception that would not survive the way back.
    """
    try:
        return raisable(_call, invocation)
    except BaseException as error:
        if _can_travel(error):
            raise
        raise Described.of(error) from None


def raisable(function: Callable[..., T], *arguments: Any) -> T:
    """Call it, and let nothing out that means something else to whoever awaits the result.

    StopIteration cannot be raised into a future: until Python 3.12 who waits for it waits for ever. GeneratorExit would
    close the coroutines that wait.
    """
    try:
        return function(*arguments)
    except (StopIteration, GeneratorExit) as error:
        raise RuntimeError(f"the handler raised {type(error).__name__}") from error


def _can_travel(error: BaseException) -> bool:
    """An exception whose constructor takes other arguments than it hands on can be pickled, but not unpickled."""
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except BaseException:
        return False


def _call(invocation: Invocation) -> str | None:
    sys.path.extend(entry for entry in invocation.path if entry not in sys.path)
    task: Task[Any, Any] = getattr(importlib.import_module(f"{invocation.package}.tasks"), invocation.task)
    module, _, name = invocation.handler.partition(":")
    function: Any = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    ctx: Context[Any] = Context(
        invocation.execution_id, task.key, invocation.queue, invocation.attempt, process_deps(invocation.context)
    )
    result = function(task.decode(invocation.payload), ctx)
    if inspect.isawaitable(result):
        result = asyncio.run(_wait(result))
    return task.encode_result(result)


async def _wait(awaitable: Any) -> Any:
    return await awaitable
