"""The methods of generated clients, one invoker a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, Protocol, TypeAlias, overload

from typing_extensions import TypeVar, Unpack

from pgconductor.api.drive import drive
from pgconductor.api.options import InvokeOptions, ThrottledOptions
from pgconductor.api.task import Task
from pgconductor.client.execution import Execution, SyncExecution
from pgconductor.client.items import ItemMaker
from pgconductor.client.link import Link
from pgconductor.plan.model import Plan

P = TypeVar("P")
R = TypeVar("R")

Items: TypeAlias = "Iterable[P | tuple[P, InvokeOptions]]"
ThrottledItems: TypeAlias = "Iterable[P | tuple[P, InvokeOptions] | tuple[P, ThrottledOptions]]"


class Linked(Protocol):
    """What an invoker needs of its conductor."""

    @property
    def plan(self) -> Plan: ...

    @property
    def link(self) -> Link: ...


class _Invoker(Generic[P, R]):
    """One task of one conductor."""

    def __init__(self, conductor: Linked, task: Task[P, R]) -> None:
        self.task = task
        self._link = conductor.link
        self._maker = ItemMaker(task, conductor.plan.tasks[task.name], conductor.plan.size_limit)

    async def _one(self, payload: P, options: Mapping[str, Any]) -> bytes | None:
        return await self._link.enqueue_one(self._maker.one(payload, options))

    async def _many(self, items: Iterable[Any], options: Mapping[str, Any]) -> list[bytes | None]:
        return await self._link.enqueue(self._maker.many(items, options))

    def _empty(self) -> P:
        return self.task.payload()


class TaskInvoker(_Invoker[P, R]):
    """Enqueues executions of one task.

    Example:
        >>> execution = await conductor.send_email(payload, priority=5, delay="5m")  # doctest: +SKIP
        >>> executions = await conductor.send_email.many([first, (second, {"delay": "1h"})])  # doctest: +SKIP
    """

    @overload
    async def __call__(self, payload: P, /, **options: Unpack[InvokeOptions]) -> Execution[R]: ...
    @overload
    async def __call__(self, payload: P, /, **options: Unpack[ThrottledOptions]) -> Execution[R] | None: ...
    async def __call__(self, payload: P, /, **options: Any) -> Execution[R] | None:
        """Enqueue one execution.

        Args:
            payload: of the task's model.
            options: see `InvokeOptions`; with `throttle=` the call may be throttled, and then returns None.

        Returns:
            The execution; under a dedupe key or debounce perhaps one that was there before.

        Raises:
            ValidationError: the payload or an option is refused, by name; nothing was written.
            DatabaseUnreachable: no connection was to be had.
        """
        return self._handle(await self._one(payload, options))

    @overload
    async def many(self, items: Items[P], /, **options: Unpack[InvokeOptions]) -> list[Execution[R]]: ...
    @overload
    async def many(
        self, items: ThrottledItems[P], /, **options: Unpack[InvokeOptions]
    ) -> list[Execution[R] | None]: ...
    @overload
    async def many(
        self, items: ThrottledItems[P], /, **options: Unpack[ThrottledOptions]
    ) -> list[Execution[R] | None]: ...
    async def many(self, items: Iterable[Any], /, **options: Any) -> Any:
        """Enqueue many executions in one statement, all or none.

        Args:
            items: payloads, or pairs of a payload and options of its own, which go before the shared ones.
            options: shared by all.

        Returns:
            An execution for each item, in order; None for a throttled one.
        """
        return [self._handle(execution_id) for execution_id in await self._many(items, options)]

    def _handle(self, execution_id: bytes | None) -> Execution[R] | None:
        return None if execution_id is None else Execution(execution_id, self.task, self._link)


class OptionalTaskInvoker(TaskInvoker[P, R]):
    """`TaskInvoker` of a task whose payload may be left out."""

    @overload
    async def __call__(self, payload: P | None = None, /, **options: Unpack[InvokeOptions]) -> Execution[R]: ...
    @overload
    async def __call__(
        self, payload: P | None = None, /, **options: Unpack[ThrottledOptions]
    ) -> Execution[R] | None: ...
    async def __call__(self, payload: P | None = None, /, **options: Any) -> Execution[R] | None:
        """As `TaskInvoker`."""
        return self._handle(await self._one(self._empty() if payload is None else payload, options))


class SyncTaskInvoker(_Invoker[P, R]):
    """`TaskInvoker`, without await."""

    @overload
    def __call__(self, payload: P, /, **options: Unpack[InvokeOptions]) -> SyncExecution[R]: ...
    @overload
    def __call__(self, payload: P, /, **options: Unpack[ThrottledOptions]) -> SyncExecution[R] | None: ...
    def __call__(self, payload: P, /, **options: Any) -> SyncExecution[R] | None:
        """As `TaskInvoker`."""
        return self._handle(drive(self._one(payload, options)))

    @overload
    def many(self, items: Items[P], /, **options: Unpack[InvokeOptions]) -> list[SyncExecution[R]]: ...
    @overload
    def many(self, items: ThrottledItems[P], /, **options: Unpack[InvokeOptions]) -> list[SyncExecution[R] | None]: ...
    @overload
    def many(
        self, items: ThrottledItems[P], /, **options: Unpack[ThrottledOptions]
    ) -> list[SyncExecution[R] | None]: ...
    def many(self, items: Iterable[Any], /, **options: Any) -> Any:
        """As `TaskInvoker.many`."""
        return [self._handle(execution_id) for execution_id in drive(self._many(items, options))]

    def _handle(self, execution_id: bytes | None) -> SyncExecution[R] | None:
        return None if execution_id is None else SyncExecution(execution_id, self.task, self._link)


class SyncOptionalTaskInvoker(SyncTaskInvoker[P, R]):
    """`SyncTaskInvoker` of a task whose payload may be left out."""

    @overload
    def __call__(self, payload: P | None = None, /, **options: Unpack[InvokeOptions]) -> SyncExecution[R]: ...
    @overload
    def __call__(self, payload: P | None = None, /, **options: Unpack[ThrottledOptions]) -> SyncExecution[R] | None: ...
    def __call__(self, payload: P | None = None, /, **options: Any) -> SyncExecution[R] | None:
        """As `TaskInvoker`."""
        return self._handle(drive(self._one(self._empty() if payload is None else payload, options)))
