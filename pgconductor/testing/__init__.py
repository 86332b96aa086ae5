"""What a project's tests use: fixtures, a clock that moves, handlers run inline, crashes on purpose.

The fixtures `conductor_database`, `conductor`, `sync_conductor`, `conductor_clock` and `crash_matrix` are there once
pgconductor is installed beside pytest; see docs/testing.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgconductor.testing.clock import Clock
    from pgconductor.testing.crashes import Crash, CrashMatrix
    from pgconductor.testing.harness import Drained, Harness, SyncHarness
    from pgconductor.testing.inline import Run, run_handler, run_handler_sync
    from pgconductor.testing.memory import Call

__all__ = [
    "Call",
    "Clock",
    "Crash",
    "CrashMatrix",
    "Drained",
    "Harness",
    "Run",
    "SyncHarness",
    "run_handler",
    "run_handler_sync",
]

# Loaded when first asked for: pytest imports this package in every run, of projects without a task too.
_HOMES = {
    "Call": "memory",
    "Clock": "clock",
    "Crash": "crashes",
    "CrashMatrix": "crashes",
    "Drained": "harness",
    "Harness": "harness",
    "Run": "inline",
    "SyncHarness": "harness",
    "run_handler": "inline",
    "run_handler_sync": "inline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
