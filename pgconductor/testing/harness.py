"""What the fixtures `conductor` and `sync_conductor` are: the project's client, and its workers on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from pgconductor.client.blocking import BridgedLink
from pgconductor.client.conductor import BaseConductor, BaseSyncConductor
from pgconductor.client.execution import Execution, SyncExecution
from pgconductor.client.link import PooledLink
from pgconductor.errors import ConductorError, ResultTimeout
from pgconductor.runtime.orchestrator import Info, Orchestrator
from pgconductor.store.executions import ExecutionRow, State, find, get
from pgconductor.store.inspection import inspect
from pgconductor.store.upkeep import keep_up
from pgconductor.testing.clock import Clock
from pgconductor.testing.link import AwaitedLink
from pgconductor.testing.project import Project

C = TypeVar("C", bound=BaseConductor)
S = TypeVar("S", bound=BaseSyncConductor)
R = TypeVar("R")

MOST = 10_000


@dataclass(frozen=True)
class Drained:
    """How the attempts of a drain ended.

    Attributes:
        retried: failed, and to be tried again later.
        parked: left for a sleep, a child or an event.
    """

    completed: int = 0
    failed: int = 0
    retried: int = 0
    cancelled: int = 0
    parked: int = 0

    @classmethod
    def of(cls, info: Info) -> Drained:
        names = ("completed", "failed", "retried", "cancelled", "parked")
        return cls(**{name: sum(getattr(worker.report, name) for worker in info.workers) for name in names})


class _Harness:
    """What harnesses of both kinds know.

    Attributes:
        url: of the test's database.
        plan: of the project.
        clock: of the database.
    """

    def __init__(self, project: Project, url: str) -> None:
        self.url = url
        self.plan = project.plan
        self.clock = Clock(url, project.plan.schema_name)
        self._project = project
        self._resources = ExitStack()

    def close(self) -> None:
        """Close the client, if it was used."""
        self._resources.close()

    def _link(self) -> PooledLink:
        return PooledLink(self.plan, self._project.folder, self.url, coalesce=True)

    async def _drain(self, queues: Collection[str] | None, deps: Any) -> Drained:
        orchestrator = Orchestrator(self.plan, self._project.folder, queues=queues, url=self.url, deps=deps)
        await orchestrator.start()
        try:
            if not await orchestrator.drain():
                raise ConductorError("the workers stopped before everything was run; the log says why")
        finally:
            await orchestrator.stop(grace=0)
        await asyncio.to_thread(keep_up, self.url, self.plan.schema_name)
        return Drained.of(orchestrator.info())

    def _executions(self, task: str | None, state: State | None) -> list[ExecutionRow]:
        key = self.plan.tasks[task].key if task in self.plan.tasks else task
        with inspect(self.url) as connection:
            return find(connection, self.plan.schema_name, task=key, state=state, limit=MOST)[::-1]

    def _explain(self, error: ResultTimeout) -> ResultTimeout:
        with inspect(self.url) as connection:
            row = get(connection, self.plan.schema_name, UUID(error.execution_id))
        now = f"it is {row.state}, due at {row.run_at}" if row and row.state == "scheduled" else "it has not ended"
        if row and row.state != "scheduled":
            now = f"it is {row.state}"
        message = f"execution {error.execution_id} has no result: {now}; `drain()` runs what is due, `clock` moves time"
        return ResultTimeout(message, execution_id=error.execution_id)


class Harness(_Harness, Generic[C]):
    """The project on a database of the test's own, for async tests.

    Attributes:
        client: the generated `Conductor`, connected.

    Example:
        ```python
        async def test_an_order_gets_a_receipt(conductor: Harness[Conductor]) -> None:
            execution = await conductor.client.place_order(order)
            await conductor.drain()
            assert (await conductor.result(execution)).total == 12
        ```
    """

    @cached_property
    def client(self) -> C:
        # Its pool lives in a thread: a fixture can close it without the loop that the test ran in.
        link = self._resources.enter_context(AwaitedLink(self._link()))
        client: C = self._project.generated("Conductor")(self.plan, link)
        return client

    async def drain(self, *, queues: Collection[str] | None = None, deps: Any = None) -> Drained:
        """Run everything that is runnable now in this process, and what that enqueues on its way; then prune.

        Failed handlers raise nothing here: see what is returned, and `result`.

        Args:
            queues: these only.
            deps: what handlers find as `ctx.deps`, instead of what `[conductor] context` names.

        Raises:
            BindingError: handlers are missing or misshapen.
        """
        return await self._drain(queues, deps)

    async def executions(self, task: str | None = None, state: State | None = None) -> Sequence[ExecutionRow]:
        """All executions, the oldest first, of a task or in a state. Payloads and results are plain JSON."""
        return await asyncio.to_thread(self._executions, task, state)

    async def result(self, execution: Execution[R] | UUID) -> R:
        """What an execution that has ended returned: of the task's type, or plain JSON for an id.

        Raises:
            ExecutionFailed, ExecutionCancelled: it has none.
            ResultTimeout: it has not ended.
        """
        handle: Execution[R] = self.client.execution(execution) if isinstance(execution, UUID) else execution
        try:
            return await handle.result(timeout=0)
        except ResultTimeout as error:
            raise await asyncio.to_thread(self._explain, error) from None


class SyncHarness(_Harness, Generic[S]):
    """`Harness`, without await; `client` is the generated `SyncConductor`."""

    @cached_property
    def client(self) -> S:
        link = BridgedLink(self._link())
        link.open()
        self._resources.callback(link.close)
        client: S = self._project.generated("SyncConductor")(self.plan, link)
        return client

    def drain(self, *, queues: Collection[str] | None = None, deps: Any = None) -> Drained:
        """As `Harness.drain`."""
        return asyncio.run(self._drain(queues, deps))

    def executions(self, task: str | None = None, state: State | None = None) -> Sequence[ExecutionRow]:
        """As `Harness.executions`."""
        return self._executions(task, state)

    def result(self, execution: SyncExecution[R] | UUID) -> R:
        """As `Harness.result`."""
        handle: SyncExecution[R] = self.client.execution(execution) if isinstance(execution, UUID) else execution
        try:
            return handle.result(timeout=0)
        except ResultTimeout as error:
            raise self._explain(error) from None
