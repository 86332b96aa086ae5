"""The orchestrator: the workers of one process and what keeps them alive, as an object to run or to embed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

from pgconductor.errors import ConductorError, DatabaseError, PlanError, SchemaMismatch
from pgconductor.plan.location import project_folder
from pgconductor.plan.model import Plan, QueuePlan
from pgconductor.runtime.deps import open_deps
from pgconductor.runtime.drain import Drain
from pgconductor.runtime.executors import Executor, open_executor
from pgconductor.runtime.handlers import Handler, UnboundHandlers, bind, unbound_exceptions
from pgconductor.runtime.heartbeat import Heartbeat
from pgconductor.runtime.tenure import Tenure
from pgconductor.runtime.tuning import fixed_differences
from pgconductor.runtime.unsupported import refuse_unsupported
from pgconductor.runtime.upkeep import Upkeep
from pgconductor.runtime.watchdog import Watchdog
from pgconductor.runtime.worker import USUAL, Worker, Writers
from pgconductor.runtime.worker import Info as WorkerInfo
from pgconductor.store.apply import apply, pending
from pgconductor.store.endpoint import open_endpoint
from pgconductor.store.keeping import watch
from pgconductor.store.listener import Listener
from pgconductor.store.threads import to_its_end
from pgconductor.store.workers import WorkerRegistry

logger = logging.getLogger("pgconductor")

# For the rounds of heartbeat and upkeep that are under way when everything else has stopped.
LAST_ROUND = 2.0


@dataclass(frozen=True)
class Info:
    """An orchestrator at a moment.

    Attributes:
        state: "new", "starting", "running", "stopping" or "stopped".
        process: its id in the database, fresh for each start.
        workers: one a queue.
    """

    state: str
    process: UUID
    workers: tuple[WorkerInfo, ...]


class Orchestrator:
    """Runs the workers of a plan in the current event loop.

    Example:
        ```python
        async with Orchestrator.from_plan("shop/conductor/plan.json", queues=["mail"]) as orchestrator:
            await orchestrator.stopped()
        ```

    Args:
        plan: with the environment's overrides applied.
        project: the folder of conductor.toml: where the embedded Postgres is kept, and where handlers are found.
        queues: which queues to serve; all that have handlers by default.
        overrides: tunables of queues, by queue name: `{"mail": {"worker_concurrency": 50}}`.
        url: a database instead of the plan's.
        deps: what handlers find as `ctx.deps`, instead of one made from the class that `[conductor] context` names.
        writers: what workers write through.
    """

    def __init__(
        self,
        plan: Plan,
        project: Path,
        *,
        queues: Collection[str] | None = None,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        url: str | None = None,
        deps: Any = None,
        writers: Writers = USUAL,
    ) -> None:
        self._overrides = overrides or {}
        self.plan = _overridden(plan, self._overrides)
        self.process = uuid4()
        self._project = project
        self._wanted = None if queues is None else sorted(set(queues))
        self._url = url
        self._deps = deps
        self._writers = writers
        self._state = "new"
        self._workers: dict[str, Worker] = {}
        self._resources = contextlib.ExitStack()
        self._deps_resources = contextlib.AsyncExitStack()
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._registered = False

    @classmethod
    def from_plan(
        cls,
        path: str | Path,
        *,
        queues: Collection[str] | None = None,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        env: str | None = None,
        url: str | None = None,
        deps: Any = None,
    ) -> Self:
        """An orchestrator of a compiled plan.

        Args:
            path: of plan.json.
            env: the `[env.<name>]` whose overrides apply.

        Raises:
            PlanError: no such file, not a plan, or no such environment.
        """
        plan = Plan.load(Path(path)).for_environment(env)
        project = project_folder(plan, Path(path))
        return cls(plan, project, queues=queues, overrides=overrides, url=url, deps=deps)

    async def start(self) -> None:
        """Bind the handlers, make sure of the database, and begin to work.

        Raises:
            BindingError: handlers are missing or misshapen; all of them are listed.
            DatabaseError: the database cannot be reached, or does not fit the plan.
            PlanError: the plan uses what this version cannot run, or a queue that it does not declare.
        """
        if self._state != "new":
            raise ConductorError("an orchestrator is started once; make another")
        self._state = "starting"
        try:
            await self._start()
        except BaseException:
            await self._leave()
            raise
        else:
            self._state = "running"
        finally:
            self._started.set()

    async def stop(self, grace: float | None = None) -> None:
        """Claim no more, let running executions end, give back what does not end in time, and leave.

        A start that is under way is waited for. Who is cancelled meanwhile waits no longer; the stop goes on, and the
        next call waits for its end.

        Args:
            grace: seconds; None: each queue's `drain_timeout`. 0 stops at once, still giving everything back. A call
                while another one waits shortens that one's grace, never lengthens it.
        """
        if self._state == "starting":
            await self._started.wait()
        if self._state == "stopping":
            await self._hurry(grace)
        if self._state != "running":
            return
        self._state = "stopping"
        for worker in self._workers.values():
            worker.stop_starting()
        self._stopping = self._loop.create_task(self._stop(grace))
        await asyncio.shield(self._stopping)

    async def retune(self, plan: Plan) -> None:
        """Go by the tunables of another plan from now on, without a restart; what is under way is not disturbed.

        The concurrency of workers, batch sizes, poll intervals, retries, timeouts, retention, priorities and the limits
        of tasks can change so. The overrides that this orchestrator was made with still apply.

        Raises:
            PlanError: the plan differs in more than that; everything that does is listed, and nothing has changed.
        """
        plan = _overridden(plan, self._overrides)
        if fixed := fixed_differences(self.plan, plan):
            raise PlanError("running workers cannot take this over, start them anew: " + "; ".join(fixed))
        if unbound := [problem for task in plan.tasks.values() for problem in unbound_exceptions(task)]:
            raise PlanError(str(UnboundHandlers(unbound)))
        self.plan = plan
        for name, worker in self._workers.items():
            before = worker.queue.worker_concurrency
            worker.retune(plan)
            concurrency = worker.queue.worker_concurrency
            if concurrency != before:
                await self._tell(partial(self._registry.set_concurrency, name, concurrency))

    def pause(self) -> None:
        """Let the workers of this process claim nothing until `resume`. What they hold already runs on."""
        for worker in self._workers.values():
            worker.claimer.pause()

    def resume(self) -> None:
        """Let them claim again."""
        for worker in self._workers.values():
            worker.claimer.resume()

    async def drain(self) -> bool:
        """Run until nothing is runnable now, what runs enqueues on its way included; then stop.

        Work that is scheduled for later, parked, paused, or held by other live workers is not waited for; what a dead
        worker held is.

        Returns:
            False if something else stopped it before: there may be work left.
        """
        drained = asyncio.create_task(Drain(self._workers.values(), self._registry).run())
        stopped = asyncio.create_task(self.stopped())  # by a signal: workers that stop are never quiet
        try:
            await asyncio.wait((drained, stopped), return_when=asyncio.FIRST_COMPLETED)
            is_drained = drained.done()
            if is_drained:
                drained.result()
        finally:
            for waiting in (drained, stopped):
                waiting.cancel()
            await asyncio.gather(drained, stopped, return_exceptions=True)
        await self.stop()
        return is_drained

    async def stopped(self) -> None:
        """Wait until it has stopped."""
        await self._stopped.wait()

    def info(self) -> Info:
        return Info(self._state, self.process, tuple(worker.info() for worker in self._workers.values()))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start(self) -> None:
        queues = self._served_queues()
        refuse_unsupported(self.plan, queues)
        self._import_from_project()
        handlers = bind(self.plan, queues)
        executors = {queue: open_executor(self.plan.queues[queue]) for queue in queues}
        for executor in executors.values():
            self._resources.callback(executor.close)
        self._endpoint = await to_its_end(
            self._resources.enter_context, open_endpoint(self.plan, self._project, url=self._url)
        )
        await to_its_end(self._prepare_database)
        if self._deps is None:
            self._deps = await self._deps_resources.enter_async_context(open_deps(self.plan.context))
        self._registry = WorkerRegistry(self._endpoint.url, self.plan, self.process)
        # Known only once all are registered, and started without another await: what is closed has been started.
        self._workers = {queue: await self._register(queue, handlers, executors[queue]) for queue in queues}
        for worker in self._workers.values():
            worker.start(self._broke)
        self._keep_alive()

    def _served_queues(self) -> list[str]:
        with_handlers = {task.queue for task in self.plan.tasks.values() if task.handler}
        if self._wanted is None:
            return sorted(with_handlers)
        unknown = [queue for queue in self._wanted if queue not in self.plan.queues]
        if unknown:
            declared = ", ".join(f"`{queue}`" for queue in sorted(self.plan.queues))
            raise ConductorError(f"no queue `{unknown[0]}` in the plan; declared: {declared}")
        return [queue for queue in self._wanted if queue in with_handlers]

    def _import_from_project(self) -> None:
        folder = str((self._project / self.plan.source_root).resolve())
        if folder not in sys.path:
            sys.path.insert(0, folder)

    def _prepare_database(self) -> None:
        url = self._endpoint.listen_url or self._endpoint.url
        if self.plan.database.apply == "auto":
            for change in apply(url, self.plan, remove=False).changes:
                logger.info("applied: %s", change.summary)
        elif missing := pending(url, self.plan):
            raise SchemaMismatch(
                f"the database lacks {len(missing)} changes of this plan ({missing[0].summary}, ...) and "
                '`apply = "verify"`; run `pgconductor apply`'
            )

    async def _register(self, queue: str, handlers: dict[str, Handler], executor: Executor) -> Worker:
        before = time.monotonic()
        self._registered = True
        worker_id = await to_its_end(self._registry.register, queue)
        ours = {key: handler for key, handler in handlers.items() if handler.plan.queue == queue}
        settings = self.plan.queues[queue]
        tenure = Tenure(settings.lease_ms, before)
        return Worker(
            worker_id, self._endpoint.url, self.plan, settings, ours, executor, self._deps, tenure, self._writers
        )

    def _keep_alive(self) -> None:
        lease_ms = min((worker.queue.lease_ms for worker in self._workers.values()), default=30_000)
        self._loop = asyncio.get_running_loop()
        heartbeat = Heartbeat(self._registry, lease_ms, self._on_beat)
        upkeep = Upkeep(self._endpoint.url, self.plan, self.process, lease_ms)
        for thread in (heartbeat, upkeep):
            self._resources.callback(thread.join, LAST_ROUND)
        for keeper in (heartbeat, upkeep, Watchdog()):
            keeper.start()
            self._resources.callback(keeper.stop)
        listener = Listener(self._endpoint, self.plan.schema_name, self._on_notify, self._on_listening)
        self._listening = self._loop.create_task(listener.run())
        watch(self._listening, "the listener", self._broke)

    def _on_beat(self, sent: float, beaten: Mapping[int, bool]) -> None:
        """Called from the heartbeat's thread."""
        lost = []
        for worker in self._workers.values():
            if worker.id not in beaten:
                lost.append(worker.id)
            elif worker.tenure.renew(sent, beaten[worker.id]):
                self._call(worker.claimer.regain)
        if lost:
            self._call(self._lost_workers, lost)

    def _call(self, function: Callable[..., None], *values: Any) -> None:
        """Call in the loop, from another thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(function, *values)

    def _on_notify(self, payload: str) -> None:
        if payload == "cancel":
            for worker in self._workers.values():
                worker.claimer.check_stopping()
        elif payload == "resume":
            for worker in self._workers.values():
                worker.claimer.wake()
        elif payload in self._workers:
            self._workers[payload].claimer.wake()

    def _on_listening(self, listening: bool) -> None:
        for worker in self._workers.values():
            worker.claimer.listening = listening
            worker.claimer.wake()
            if not listening:  # nobody hears sooner that the server crashed: its last claims are undone then
                worker.claimer.doubt()

    def _lost_workers(self, lost: list[int]) -> None:
        """Another process pruned them after a day without a beat; what they held is long somebody else's."""
        if self._state != "running":
            return  # it has just signed off itself
        logger.error("workers %s are no longer registered; stopping", ", ".join(map(str, sorted(lost))))
        self._farewell = self._loop.create_task(self.stop(grace=0))

    def _broke(self, name: str, error: BaseException) -> None:
        """A worker whose claimer is gone would keep its leases and do nothing: leave, and let it be started anew."""
        logger.critical("%s ended by an error in pgconductor; stopping", name, exc_info=error)
        self._farewell = self._loop.create_task(self.stop(grace=0))

    async def _tell(self, verb: Callable[[], None]) -> None:
        """Tell the database what it need not know: nothing depends on it, and leases lapse by themselves."""
        try:
            await asyncio.to_thread(verb)
        except DatabaseError as error:
            logger.warning("%s", error)

    async def _stop(self, grace: float | None) -> None:
        await self._tell(self._registry.mark_draining)
        await asyncio.gather(*(worker.stop(grace) for worker in self._workers.values()))
        await self._leave()

    async def _leave(self) -> None:
        if self._registered:
            await self._tell(self._registry.deregister)
        await self._close()

    async def _close(self) -> None:
        """Close everything, whatever of it fails: who waits for the end must not wait for ever."""
        try:
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.gather(self._listening, return_exceptions=True)
            for worker in self._workers.values():
                await worker.close()
            await self._deps_resources.aclose()
        finally:
            try:
                await asyncio.to_thread(self._resources.close)
            finally:
                self._state = "stopped"
                self._stopped.set()

    async def _hurry(self, grace: float | None) -> None:
        """A second call while the first still waits for handlers: they have no longer than this `grace`."""
        if grace is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._stopped.wait()
            for worker in self._workers.values():
                worker.hurry()
        await self._stopped.wait()


def _overridden(plan: Plan, overrides: Mapping[str, Mapping[str, Any]]) -> Plan:
    queues = dict(plan.queues)
    for name, changes in overrides.items():
        if name not in queues:
            raise ConductorError(f"overrides name a queue `{name}` that the plan does not declare")
        queues[name] = QueuePlan.model_validate(queues[name].model_dump() | dict(changes))
    return plan.model_copy(update={"queues": queues})
