"""`BaseConductor` and `BaseSyncConductor`: what the generated `Conductor` and `SyncConductor` are made of."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from uuid import UUID

from typing_extensions import TypeVar

from pgconductor.api.drive import drive
from pgconductor.api.task import Task
from pgconductor.client.blocking import BridgedLink
from pgconductor.client.commands import cancel_matching, invoke_json, retry_matching
from pgconductor.client.execution import REASON, Execution, SyncExecution
from pgconductor.client.link import BoundLink, Link, PooledLink
from pgconductor.client.options import read_id
from pgconductor.errors import ConductorError, PlanError
from pgconductor.plan.location import project_folder
from pgconductor.plan.model import Plan
from pgconductor.store.bound import bound, bound_blocking
from pgconductor.store.executions import Retryable, State
from pgconductor.store.query import AnyAsyncConnection, AnyConnection

R = TypeVar("R", default=Any)


class _Conductor:
    """A plan, and a link to its database.

    Attributes:
        plan_path: of plan.json; generated code sets it.
        plan: with its environment's overrides.
    """

    plan_path: ClassVar[str | Path | None] = None

    def __init__(self, plan: Plan, link: Link) -> None:
        self.plan = plan
        self.link = link

    @property
    def url(self) -> str:
        """Where the database is, while the conductor is open: for the application's own connections to it.

        With the embedded Postgres it is how they find it. It may hold a password.
        """
        return self.link.url

    @classmethod
    def _load(cls, plan: Plan | str | Path | None, env: str | None) -> tuple[Plan, Path]:
        """The plan, and the folder of its project."""
        env = env or os.environ.get("PGCONDUCTOR_ENV") or None
        if isinstance(plan, Plan):
            return plan.for_environment(env), Path.cwd()
        path = plan or cls.plan_path
        if path is None:
            raise PlanError("no plan: use the generated Conductor, or give `plan`, the path of its plan.json")
        loaded = Plan.load(Path(path))
        return loaded.for_environment(env), project_folder(loaded, Path(path))

    def _handle(self, execution_id: UUID | str, task: Task[Any, R] | None) -> Execution[R]:
        return Execution(read_id(execution_id), task, self.link)


class BaseConductor(_Conductor):
    """Enqueues executions and follows them.

    Example:
        >>> async with Conductor.connect() as conductor:  # doctest: +SKIP
        ...     execution = await conductor.send_email(payload)
        ...     result = await execution.result(timeout="30s")
    """

    @classmethod
    def connect(
        cls,
        url: str | None = None,
        *,
        env: str | None = None,
        plan: Plan | str | Path | None = None,
        coalesce: bool = True,
    ) -> Self:
        """A conductor with a pool of its own, opened by `async with`, or by `open()` and closed by `close()`.

        Args:
            url: of the database, instead of the one in [database].
            env: whose overrides hold; PGCONDUCTOR_ENV by default.
            plan: the plan, or the path of plan.json, instead of the generated package's own.
            coalesce: let single enqueues that are awaited at the same time share one statement. Nobody waits for it,
                and an error reaches only the caller it belongs to.

        Raises:
            PlanError: the plan cannot be read, or has no such environment.
        """
        loaded, folder = cls._load(plan, env)
        return cls(loaded, PooledLink(loaded, folder, url, coalesce))

    async def open(self) -> None:
        """Connect to the database; an embedded one is started if it does not run.

        Raises:
            PlanError: [database] needs an environment variable that is not set.
            DatabaseUnreachable: no connection could be made.
            EmbeddedUnavailable: no URL is configured and the embedded Postgres cannot run here.
        """
        await self._pool.open()

    async def close(self) -> None:
        """Finish the enqueues that are under way, and disconnect."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def bind(self, connection: AnyAsyncConnection) -> Self:
        """The same conductor on a psycopg connection of the caller's: what it enqueues and cancels commits or vanishes
        with the caller's transaction. Results are awaited after the commit. Errors are psycopg's own.

        Raises:
            TypeError: not a `psycopg.AsyncConnection`.

        Example:
            >>> async with pool.connection() as connection, connection.transaction():  # doctest: +SKIP
            ...     await connection.execute("insert into orders ...")
            ...     await conductor.bind(connection).send_email(payload)
        """
        return type(self)(self.plan, BoundLink(bound(connection), self.link))

    def execution(self, id: UUID | str, task: Task[Any, R] | None = None) -> Execution[R]:
        """A handle of an execution known by its id; with its task, results are of the task's type, else plain JSON."""
        return self._handle(id, task)

    async def status(self, id: UUID | str) -> State:
        """The state of an execution now. Raises ExecutionNotFound."""
        return await self._handle(id, None).status()

    async def cancel(self, id: UUID | str, *, reason: str = REASON) -> bool:
        """Stop an execution.

        Returns:
            True: it will never complete; one that runs is asked to stop and ends cancelled. False: it has ended
            already, or there is none.
        """
        return await self._handle(id, None).cancel(reason)

    async def retry(self, id: UUID | str, *, from_step: str | None = None) -> bool:
        """Run an execution again after it failed or was cancelled; see `Execution.retry`.

        Args:
            from_step: forget this step and all that come after it.

        Returns:
            True: it will run again. False: it is neither failed nor cancelled, or there is none.
        """
        return await self._handle(id, None).retry(from_step)

    async def cancel_all(
        self, *, task: str | None = None, queue: str | None = None, tag: str | None = None, reason: str = REASON
    ) -> int:
        """Stop all executions that pass every filter given, at least one: a task's name, a queue, a tag.

        Returns:
            How many will never complete because of it.
        """
        return await cancel_matching(self.plan, self.link, task=task, queue=queue, tag=tag, reason=reason)

    async def retry_all(
        self,
        *,
        task: str | None = None,
        queue: str | None = None,
        tag: str | None = None,
        state: Retryable = "failed",
        from_step: str | None = None,
    ) -> int:
        """Run all executions again that ended in this state and pass every filter given, at least one, as `retry`
        would each. One that cannot be, because another has its dedupe key by now for example, is left as it is.

        Args:
            state: "failed", or "cancelled".
            from_step: forget this step and all that come after it.

        Returns:
            How many will run again.

        Raises:
            ValidationError: no filter, or no such task.

        Example:
            >>> await conductor.retry_all(task="send_email")  # doctest: +SKIP
            12
        """
        filters = {"task": task, "queue": queue, "tag": tag}
        return await retry_matching(self.plan, self.link, **filters, state=state, from_step=from_step)

    async def invoke_json(self, task: str, payload: str | bytes, options: Mapping[str, Any]) -> Execution[Any] | None:
        """Enqueue by the task's name and the payload's JSON text, for those who have no types: commands, webhooks.

        Raises:
            ValidationError: no such task, or the payload or an option is refused, by name.
        """
        execution: Execution[Any] | None = await invoke_json(self, task, payload, options)
        return execution

    @property
    def _pool(self) -> PooledLink:
        if isinstance(self.link, PooledLink):
            return self.link
        raise ConductorError("a bound conductor uses the caller's connection: there is nothing to open or close")


class BaseSyncConductor(_Conductor):
    """`BaseConductor`, without await, for any number of threads.

    Its pool lives in an event loop of its own, in one thread that all callers share; `bind` uses the caller's
    connection directly.

    Example:
        >>> with SyncConductor.connect() as conductor:  # doctest: +SKIP
        ...     execution = conductor.send_email(payload)
        ...     result = execution.result(timeout="30s")
    """

    @classmethod
    def connect(
        cls,
        url: str | None = None,
        *,
        env: str | None = None,
        plan: Plan | str | Path | None = None,
        coalesce: bool = True,
    ) -> Self:
        """As `BaseConductor.connect`, opened by `with`."""
        loaded, folder = cls._load(plan, env)
        return cls(loaded, BridgedLink(PooledLink(loaded, folder, url, coalesce)))

    def open(self) -> None:
        """As `BaseConductor.open`."""
        self._bridge.open()

    def close(self) -> None:
        """As `BaseConductor.close`."""
        self._bridge.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def bind(self, connection: AnyConnection) -> Self:
        """As `BaseConductor.bind`, of a `psycopg.Connection`."""
        return type(self)(self.plan, BoundLink(bound_blocking(connection), self.link))

    def execution(self, id: UUID | str, task: Task[Any, R] | None = None) -> SyncExecution[R]:
        """As `BaseConductor.execution`."""
        return SyncExecution(read_id(id), task, self.link)

    def status(self, id: UUID | str) -> State:
        """As `BaseConductor.status`."""
        return drive(self._handle(id, None).status())

    def cancel(self, id: UUID | str, *, reason: str = REASON) -> bool:
        """As `BaseConductor.cancel`."""
        return drive(self._handle(id, None).cancel(reason))

    def retry(self, id: UUID | str, *, from_step: str | None = None) -> bool:
        """As `BaseConductor.retry`."""
        return drive(self._handle(id, None).retry(from_step))

    def cancel_all(
        self, *, task: str | None = None, queue: str | None = None, tag: str | None = None, reason: str = REASON
    ) -> int:
        """As `BaseConductor.cancel_all`."""
        return drive(cancel_matching(self.plan, self.link, task=task, queue=queue, tag=tag, reason=reason))

    def retry_all(
        self,
        *,
        task: str | None = None,
        queue: str | None = None,
        tag: str | None = None,
        state: Retryable = "failed",
        from_step: str | None = None,
    ) -> int:
        """As `BaseConductor.retry_all`."""
        filters = {"task": task, "queue": queue, "tag": tag}
        return drive(retry_matching(self.plan, self.link, **filters, state=state, from_step=from_step))

    def invoke_json(self, task: str, payload: str | bytes, options: Mapping[str, Any]) -> SyncExecution[Any] | None:
        """As `BaseConductor.invoke_json`."""
        execution: SyncExecution[Any] | None = invoke_json(self, task, payload, options)
        return execution

    @property
    def _bridge(self) -> BridgedLink:
        if isinstance(self.link, BridgedLink):
            return self.link
        raise ConductorError("a bound conductor uses the caller's connection: there is nothing to open or close")
