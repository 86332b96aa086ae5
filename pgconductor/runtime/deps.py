"""`ctx.deps`: the application's own things, made once for a process from the class that `[conductor] context` names.

The class takes no arguments. If it is an async or a sync context manager, the process enters it when it starts and
leaves it when it stops: that is where pools are opened and closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from functools import cache
from typing import Any

from pgconductor.errors import BindingError
from pgconductor.runtime.handlers import load


@asynccontextmanager
async def open_deps(reference: str | None) -> AsyncIterator[Any]:
    """What handlers find as `ctx.deps`, while the block runs.

    Raises:
        BindingError: the class cannot be imported, or cannot be made.
    """
    deps: Any = None if reference is None else _make(reference)
    if hasattr(deps, "__aenter__"):
        async with deps as entered:
            yield entered
    elif isinstance(deps, AbstractContextManager):
        with deps as entered:
            yield entered
    else:
        yield deps


@cache
def process_deps(reference: str | None) -> Any:
    """The same in a process of an executor's pool, where it lives as long as the process.

    What must be entered with `async with` cannot be had there; looking at it says so.
    """
    deps: Any = None if reference is None else _make(reference)
    if hasattr(deps, "__aenter__"):
        return _Unavailable(str(reference))
    return _for_good.enter_context(deps) if isinstance(deps, AbstractContextManager) else deps


_for_good = ExitStack()


class _Unavailable:
    def __init__(self, reference: str) -> None:
        self._reference = reference

    def __getattr__(self, name: str) -> Any:
        raise BindingError(
            f"`ctx.deps.{name}` is not to be had in another process: `{self._reference}` is an async context manager. "
            "Make it a sync one, or run this task on a queue with another executor"
        )


def _make(reference: str) -> Any:
    try:
        return load(reference)()
    except Exception as error:
        raise BindingError(f"`context`: `{reference}` cannot be made: {error}") from error
