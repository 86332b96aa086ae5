"""Durable background work for Python on nothing but Postgres.

What applications import: `Orchestrator` to run workers inside their own process, `Fatal` and `Retry` to choose an
outcome in a handler, and the errors. What is typed for a project comes from the package that `pgconductor generate`
writes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgconductor.api.context import Context, SyncContext
    from pgconductor.api.event import Event
    from pgconductor.api.task import Task
    from pgconductor.errors import (
        ChildFailed,
        ChildTimeout,
        ConductorError,
        ExecutionCancelled,
        ExecutionFailed,
        ExecutionNotFound,
        Fatal,
        ReplayError,
        ResultTimeout,
        Retry,
        StepTimeout,
        ValidationError,
        WaitTimeout,
    )
    from pgconductor.plan.model import Plan
    from pgconductor.runtime.orchestrator import Orchestrator

__version__ = "0.1.0"

__all__ = [
    "ChildFailed",
    "ChildTimeout",
    "ConductorError",
    "Context",
    "Event",
    "ExecutionCancelled",
    "ExecutionFailed",
    "ExecutionNotFound",
    "Fatal",
    "Orchestrator",
    "Plan",
    "ReplayError",
    "ResultTimeout",
    "Retry",
    "StepTimeout",
    "SyncContext",
    "Task",
    "ValidationError",
    "WaitTimeout",
]

# Loaded when first asked for: a command that needs one of them does not pay for the others.
_HOMES = {
    "Context": "pgconductor.api.context",
    "SyncContext": "pgconductor.api.context",
    "Event": "pgconductor.api.event",
    "Task": "pgconductor.api.task",
    "Plan": "pgconductor.plan.model",
    "Orchestrator": "pgconductor.runtime.orchestrator",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "pgconductor.errors")), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
