"""What a context needs of whoever runs its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from pgconductor.api.task import Task
from pgconductor.store.enqueue import Item
from pgconductor.store.records import Kind, Progress, StepResult

# The function of a transaction, given its connection.
Body: TypeAlias = Callable[[Any], Any]


class Expired(Exception):
    """What was to be done within a time was not."""


class Host(Protocol):
    """Runs and records the durable calls of one attempt.

    For a handler on an event loop its coroutines suspend; for a sync handler they block its thread instead.
    """

    @property
    def size_limit(self) -> int:
        """How many bytes of JSON a result may have."""

    @property
    def stopping(self) -> bool:
        """Whether the worker stops: the next step is the last one here."""

    def in_branch(self) -> bool:
        """Whether the caller runs beside the handler's own task."""

    def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], is_async: bool
    ) -> Coroutine[Any, Any, Any]:
        """What a step's function returns: awaited on the loop, or called in a thread."""

    async def within(self, seconds: float, work: Any) -> Any:
        """The result of a coroutine. Raises Expired if it takes longer."""

    async def breathe(self) -> None:
        """Let others run, and notice that the handler was asked to stop."""

    async def pause(self) -> None:
        """Wait a little for a branch that is in the midst of a step."""

    def save(self, step: StepResult) -> Awaitable[None]:
        """Memoise a step; it is committed when this returns.

        Raises:
            Released: the execution is somebody else's by now; nothing was written.
        """

    async def transact(
        self,
        kind: Kind,
        step: StepResult,
        body: Callable[[Any], Any],
        encode: Callable[[Any], bytes],
        seconds: float | None,
    ) -> Any:
        """What `body(connection)` returns, its writes and the step committed together.

        Args:
            seconds: that it may take; what is being committed by then is waited for.

        Raises:
            Expired: it took longer, and was not committed.
        """

    async def emit(self, connection: Any, event: str, payload: bytes) -> None:
        """Emit an event in the transaction of `connection`."""

    def children(
        self, task: Task[Any, Any], payloads: Iterable[Any], options: Mapping[str, Any], *, patient: bool
    ) -> list[Item]:
        """Children to be enqueued.

        Args:
            patient: the parent waits for them without a timeout, so somebody must be there to run them.

        Raises:
            ValidationError: naming what is refused.
        """

    def report(self, progress: Progress) -> None:
        """Remember how far the execution is; it is written soon, the latest only."""
