"""`Context` and `SyncContext`: what a handler is given beside its payload."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, Protocol, TypeAlias, overload
from uuid import UUID

from typing_extensions import TypeVar, Unpack

from pgconductor.api.calls import Calls
from pgconductor.api.drive import drive
from pgconductor.api.event import Event
from pgconductor.api.host import Host
from pgconductor.api.options import ChildOptions
from pgconductor.api.replay import Place, Replay
from pgconductor.api.task import Task
from pgconductor.duration import Duration
from pgconductor.errors import ChildFailed, ConductorError
from pgconductor.store.records import Recorded

if TYPE_CHECKING:
    from pgconductor.store.query import AnyAsyncConnection, AnyConnection

D = TypeVar("D", default=None)
T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R")
Q = ParamSpec("Q")

Async: TypeAlias = Coroutine[Any, Any, T]

_logger = logging.getLogger("pgconductor.handlers")


class _Context(Generic[D]):
    """What contexts of both kinds know.

    Attributes:
        task: the task's key.
        queue: the queue's name.
        attempt: 1 for the first; sleeps and waits cost none.
        deps: what the application gave its orchestrator.
    """

    # Built once per attempt: ids, loggers and durable calls only when somebody asks.
    __slots__ = (
        "_cancelled",
        "_host",
        "_id",
        "_lease",
        "_logger",
        "_made",
        "_recorded",
        "_step_timeout_ms",
        "attempt",
        "deps",
        "queue",
        "task",
    )

    def __init__(
        self,
        id: bytes,
        task: str,
        queue: str,
        attempt: int,
        deps: D,
        *,
        lease: int = 0,
        recorded: tuple[Recorded, ...] = (),
        host: Host | None = None,
        step_timeout_ms: int | None = None,
    ) -> None:
        self._id = id
        self.task = task
        self.queue = queue
        self.attempt = attempt
        self.deps = deps
        self._cancelled = False
        self._logger: logging.LoggerAdapter[logging.Logger] | None = None
        self._lease = lease
        self._recorded = recorded
        self._host = host
        self._step_timeout_ms = step_timeout_ms
        self._made: Calls | None = None

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

    def progress(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Say how far the work is, for `executions show`.

        Cheap: the latest is written once a second, the last when the attempt ends.

        Args:
            done: in units of the handler's choice.
            total: in the same; None: unknown.
            note: a few words.
        """
        self._calls.progress(done, total, note)

    @property
    def _replay(self) -> Replay | None:
        return None if self._made is None else self._made.replay

    @property
    def _calls(self) -> Calls:
        if self._made is None:
            if self._host is None:
                raise ConductorError("this context was made by hand: it has nowhere to record durable calls")
            replay = Replay(self._recorded)
            limit = None if self._step_timeout_ms is None else self._step_timeout_ms / 1000
            self._made = Calls(self._id, self._lease, replay, self._host, limit)
        return self._made


class _Stepped(Protocol):
    """What `@ctx.step("name")` makes of a function."""

    @overload
    def __call__(self, function: Callable[Q, Awaitable[T]], /) -> Callable[Q, Async[T]]: ...
    @overload
    def __call__(self, function: Callable[Q, T], /) -> Callable[Q, Async[T]]: ...


class _Transacted(Protocol):
    """What `@ctx.transaction("name")` makes of a function."""

    def __call__(
        self, function: Callable[Concatenate[AnyAsyncConnection, Q], Awaitable[T]], /
    ) -> Callable[Q, Async[T]]: ...


class Context(_Context[D]):
    """One attempt at one execution, as its async handler sees it.

    A durable call has a name, is made once for the execution, and is remembered: when the handler runs again, after a
    sleep, a crash or a failure, it returns at once what it returned before.

    Example:
        ```python
        async def ship(payload: ShipPayload, ctx: tasks.Context) -> ShipResult:
            label = await ctx.step("label", print_label, payload.address)
            await ctx.sleep("pick up", "4h")
            return await ctx.invoke("track", tasks.track, TrackPayload(label=label))
        ```
    """

    __slots__ = ()

    @overload
    def step(self, name: str, /) -> _Stepped: ...
    @overload
    def step(
        self, name: str, function: Callable[Q, Awaitable[T]], /, *args: Q.args, **kwargs: Q.kwargs
    ) -> Async[T]: ...
    @overload
    def step(self, name: str, function: Callable[Q, T], /, *args: Q.args, **kwargs: Q.kwargs) -> Async[T]: ...
    def step(self, name: str, function: Callable[..., Any] | None = None, /, *args: Any, **kwargs: Any) -> Any:
        """Run a function once; its result is stored before the next line runs. A sync function runs in a thread.

        A failed step stores nothing: its exception is the handler's. Without a function it is a decorator.

        Args:
            name: of this step; every durable call of a run has its own.
            function: whose return annotation says what the stored result is read as.

        Raises:
            ValidationError: the result cannot be stored; the message names the step and the value's type.
            StepTimeout: it took longer than the task's `step_timeout`.
            ReplayError: the name was used before in this run.

        Example:
            >>> receipt = await ctx.step("charge", charge, order.card, order.total)  # doctest: +SKIP
        """
        if function is None:
            return functools.partial(_decorated, self.step, name)
        return self._calls.step(name, function, args, kwargs, _caller())

    @overload
    def transaction(self, name: str, /) -> _Transacted: ...
    @overload
    def transaction(
        self,
        name: str,
        function: Callable[Concatenate[AnyAsyncConnection, Q], Awaitable[T]],
        /,
        *args: Q.args,
        **kwargs: Q.kwargs,
    ) -> Async[T]: ...
    def transaction(self, name: str, function: Callable[..., Any] | None = None, /, *args: Any, **kwargs: Any) -> Any:
        """Run a function in a transaction of its own; its writes and the step's record commit together: exactly once.

        Args:
            function: takes a `psycopg.AsyncConnection` first. It must not commit.

        Raises:
            psycopg.Error: the database's, as the function raised it; everything is rolled back.

        Example:
            >>> await ctx.transaction("reserve", reserve_stock, order.lines)  # doctest: +SKIP
        """
        if function is None:
            return functools.partial(_decorated, self.transaction, name)
        return self._calls.transaction(name, function, args, kwargs, _caller())

    def sleep(self, name: str, duration: Duration, /) -> Async[None]:
        """Go on after `duration`: "24h", a timedelta, or seconds. No worker is held meanwhile, no attempt spent."""
        return self._calls.sleep(name, duration, _caller())

    def sleep_until(self, name: str, when: datetime, /) -> Async[None]:
        """Go on at a moment, aware of its time zone."""
        return self._calls.sleep_until(name, when, _caller())

    def invoke(
        self,
        name: str,
        task: Task[P, R],
        payload: P,
        /,
        *,
        timeout: Duration | None = None,
        **options: Unpack[ChildOptions],
    ) -> Async[R]:
        """Run another task as a child and get its result. No worker is held meanwhile.

        Args:
            timeout: how long to wait. Then a child that has not begun is cancelled, one that runs is asked to stop.
            options: see `ChildOptions`.

        Raises:
            ChildFailed: it failed or was cancelled.
            ChildTimeout: it had not ended in time.
        """
        return self._calls.invoke(name, task, payload, timeout, dict(options), _caller())

    @overload
    def map(
        self,
        name: str,
        task: Task[P, R],
        payloads: Iterable[P],
        /,
        *,
        max_parallel: int | None = None,
        timeout: Duration | None = None,
        return_errors: Literal[False] = False,
        **options: Unpack[ChildOptions],
    ) -> Async[list[R]]: ...
    @overload
    def map(
        self,
        name: str,
        task: Task[P, R],
        payloads: Iterable[P],
        /,
        *,
        max_parallel: int | None = None,
        timeout: Duration | None = None,
        return_errors: Literal[True],
        **options: Unpack[ChildOptions],
    ) -> Async[list[R | ChildFailed]]: ...
    def map(
        self,
        name: str,
        task: Task[Any, Any],
        payloads: Iterable[Any],
        /,
        *,
        max_parallel: int | None = None,
        timeout: Duration | None = None,
        return_errors: bool = False,
        **options: Unpack[ChildOptions],
    ) -> Any:
        """Run a child for each payload and get their results in order, once all have ended.

        Args:
            max_parallel: how many may be on their way at once; None: all.
            return_errors: put a ChildFailed in the place of the result instead of raising the first.

        Raises:
            ChildFailed: at least one failed or was cancelled.
            ChildTimeout: not all had ended in time.
        """
        given = dict(options)
        return self._calls.map(name, task, payloads, max_parallel, timeout, return_errors, given, _caller())

    def wait_for(
        self,
        name: str,
        event: Event[P],
        /,
        *,
        where: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
    ) -> Async[P]:
        """Wait for an event that is emitted from now on.

        Args:
            where: values that fields of its payload must have: `{"order_id": order.id}`.

        Raises:
            WaitTimeout: none came in time.
        """
        return self._calls.wait_for(name, event, where, timeout, _caller())

    def emit(self, name: str, event: Event[P], payload: P, /) -> Async[None]:
        """Emit an event, once."""
        return self._calls.emit(name, event, payload, _caller())

    def checkpoint(self) -> Async[None]:
        """A point where the handler may be left: when the worker shuts down, another goes on from the last step."""
        return self._calls.checkpoint()


class _SyncStepped(Protocol):
    def __call__(self, function: Callable[Q, T], /) -> Callable[Q, T]: ...


class _SyncTransacted(Protocol):
    def __call__(self, function: Callable[Concatenate[AnyConnection, Q], T], /) -> Callable[Q, T]: ...


class SyncContext(_Context[D]):
    """`Context` of a sync handler, without await: its calls block the handler's thread.

    Example:
        ```python
        def ship(payload: ShipPayload, ctx: tasks.SyncContext) -> ShipResult:
            label = ctx.step("label", print_label, payload.address)
            ctx.sleep("pick up", "4h")
            return ctx.invoke("track", tasks.track, TrackPayload(label=label))
        ```
    """

    __slots__ = ()

    @overload
    def step(self, name: str, /) -> _SyncStepped: ...
    @overload
    def step(self, name: str, function: Callable[Q, T], /, *args: Q.args, **kwargs: Q.kwargs) -> T: ...
    def step(self, name: str, function: Callable[..., Any] | None = None, /, *args: Any, **kwargs: Any) -> Any:
        """As `Context.step`; the function is called in the handler's thread."""
        if function is None:
            return functools.partial(_decorated, self.step, name)
        return drive(self._calls.step(name, function, args, kwargs, _caller()))

    @overload
    def transaction(self, name: str, /) -> _SyncTransacted: ...
    @overload
    def transaction(
        self, name: str, function: Callable[Concatenate[AnyConnection, Q], T], /, *args: Q.args, **kwargs: Q.kwargs
    ) -> T: ...
    def transaction(self, name: str, function: Callable[..., Any] | None = None, /, *args: Any, **kwargs: Any) -> Any:
        """As `Context.transaction`, with a `psycopg.Connection`."""
        if function is None:
            return functools.partial(_decorated, self.transaction, name)
        return drive(self._calls.transaction(name, function, args, kwargs, _caller()))

    def sleep(self, name: str, duration: Duration, /) -> None:
        """As `Context.sleep`."""
        drive(self._calls.sleep(name, duration, _caller()))

    def sleep_until(self, name: str, when: datetime, /) -> None:
        """As `Context.sleep_until`."""
        drive(self._calls.sleep_until(name, when, _caller()))

    def invoke(
        self,
        name: str,
        task: Task[P, R],
        payload: P,
        /,
        *,
        timeout: Duration | None = None,
        **options: Unpack[ChildOptions],
    ) -> R:
        """As `Context.invoke`."""
        result: R = drive(self._calls.invoke(name, task, payload, timeout, dict(options), _caller()))
        return result

    @overload
    def map(
        self,
        name: str,
        task: Task[P, R],
        payloads: Iterable[P],
        /,
        *,
        max_parallel: int | None = None,
        timeout: Duration | None = None,
        return_errors: Literal[False] = False,
        **options: Unpack[ChildOptions],
    ) -> list[R]: ...
    @overload
    def map(
        self,
        name: str,
        task: Task[P, R],
        payloads: Iterable[P],
        /,
        *,
        max_parallel: int | None = None,
        timeout: Duration | None = None,
        return_errors: Literal[True],
        **options: Unpack[ChildOptions],
    ) -> list[R | ChildFailed]: ...
    def map(
        self,
        name: str,
        task: Task[Any, Any],
        payloads: Iterable[Any],
        /,
        *,
        max_parallel: int | None = None,
        timeout: Duration | None = None,
        return_errors: bool = False,
        **options: Unpack[ChildOptions],
    ) -> Any:
        """As `Context.map`."""
        given = dict(options)
        return drive(self._calls.map(name, task, payloads, max_parallel, timeout, return_errors, given, _caller()))

    def wait_for(
        self,
        name: str,
        event: Event[P],
        /,
        *,
        where: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
    ) -> P:
        """As `Context.wait_for`."""
        payload: P = drive(self._calls.wait_for(name, event, where, timeout, _caller()))
        return payload

    def emit(self, name: str, event: Event[P], payload: P, /) -> None:
        """As `Context.emit`."""
        drive(self._calls.emit(name, event, payload, _caller()))

    def checkpoint(self) -> None:
        """As `Context.checkpoint`; it is also where a handler that was cancelled or timed out is left."""
        drive(self._calls.checkpoint())


AnyContext: TypeAlias = Context[Any] | SyncContext[Any]


def _caller() -> Place:
    """The handler's line that made the call."""
    frame = sys._getframe(2)
    return Place(frame.f_code, frame.f_lineno)


def _decorated(call: Callable[..., Any], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return call(name, function, *args, **kwargs)

    return called
