"""Durable background work for Python on nothing but Postgres.

What applications import: `Orchestrator` to run workers inside their own process, `Fatal` and `Retry` to choose an
outcome in a handler, and the errors. What is typed for a project comes from the package that `pgconductor generate`
writes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgconductor.api.context import Context
    from pgconductor.api.task import Task
    from pgconductor.errors import (
        ConductorError,
        ExecutionCancelled,
        ExecutionFailed,
        ExecutionNotFound,
        Fatal,
        ResultTimeout,
        Retry,
        ValidationError,
    )
    from pgconductor.plan.model import Plan
    from pgconductor.runtime.orchestrator import Orchestrator

__version__ = "0.1.0"

__all__ = [
    "ConductorError",
    "Context",
    "ExecutionCancelled",
    "ExecutionFailed",
    "ExecutionNotFound",
    "Fatal",
    "Orchestrator",
    "Plan",
    "ResultTimeout",
    "Retry",
    "Task",
    "ValidationError",
]

# Loaded when first asked for: a command that needs one of them does not pay for the others.
_HOMES = {
    "Context": "pgconductor.api.context",
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
