"""Run a coroutine that never suspends: what is written once, asynchronously, serves callers without await too."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from typing_extensions import TypeVar

T = TypeVar("T")


def drive(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns, or raises, whose every await is over something that blocks instead."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    work.close()
    raise AssertionError("the coroutine waited for an event loop")
