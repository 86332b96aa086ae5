"""`Context`: what a handler is given beside its payload."""

from __future__ import annotations

import logging
from typing import Any, Generic
from uuid import UUID

from typing_extensions import TypeVar

D = TypeVar("D", default=None)

_logger = logging.getLogger("pgconductor.handlers")


class Context(Generic[D]):
    """One attempt at one execution, as its handler sees it.

    Attributes:
        task: the task's key.
        queue: the queue's name.
        attempt: 1 for the first.
        deps: what the application gave its orchestrator.
    """

    # Built once per attempt: ids and loggers only when somebody asks.
    __slots__ = ("_cancelled", "_id", "_logger", "attempt", "deps", "queue", "task")

    def __init__(self, id: bytes, task: str, queue: str, attempt: int, deps: D) -> None:
        self._id = id
        self.task = task
        self.queue = queue
        self.attempt = attempt
        self.deps = deps
        self._cancelled = False
        self._logger: logging.LoggerAdapter[logging.Logger] | None = None

    @property
    def execution_id(self) -> UUID:
        """The execution's id, the same in every attempt."""
        return UUID(bytes=self._id)

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop: by a cancellation, its timeout, or a shutdown. Sync handlers should look."""
        return self._cancelled

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry `task`, `execution_id`, `queue` and `attempt`."""
        if self._logger is None:
            fields: dict[str, Any] = {
                "task": self.task,
                "execution_id": str(self.execution_id),
                "queue": self.queue,
                "attempt": self.attempt,
            }
            self._logger = logging.LoggerAdapter(_logger, fields)
        return self._logger
