"""A dev session: from the first start to the prompt's return.

Whatever happens (a save, a key, a process that died, a database that is back) only says that something may have to be
done. One loop then compares what runs with what is written and does the smallest thing that is enough.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from pgconductor.dev.announcement import announcement
from pgconductor.dev.change import Change, State, classify
from pgconductor.dev.channel import Message
from pgconductor.dev.database import Database
from pgconductor.dev.front import Front, Status
from pgconductor.dev.generation import Generation
from pgconductor.dev.lineage import Lineage
from pgconductor.dev.member import Member, StartFailed
from pgconductor.dev.order import orders
from pgconductor.dev.outage import Outage
from pgconductor.dev.project import Built
from pgconductor.dev.records import replay
from pgconductor.dev.wanted import Wanted, Wishes
from pgconductor.dev.workspace import Workspace
from pgconductor.errors import DatabaseError, DatabaseUnreachable, EmbeddedUnavailable, PlanError

logger = logging.getLogger("pgconductor.dev")


class Session:
    """What `pgconductor dev` is.

    Args:
        config: of the project; it need not be valid yet.
        env: whose overrides apply.
        level: the lowest level of log records that workers send.
    """

    def __init__(self, config: Path, env: str | None, front: Front, level: str = "INFO") -> None:
        self._front = front
        self._level = level
        self._wishes = Wishes()
        self._wishes.add(Wanted(build=True))
        self._workspace = Workspace(config.absolute(), env, front, self._wishes)
        self._database = Database()
        self._outage = Outage(self._database, self._wishes.look_again)
        self._lineage = Lineage(lambda: Member(front.line, self._record), self.restart)
        self._served: State | None = None
        self._paused = False
        self._leaving = asyncio.Event()
        self._exit_code = 0
        self._grace: float | None = None
        self._tidying: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Follow the project until `leave`.

        Returns:
            The exit code.

        Raises:
            EmbeddedUnavailable: there is no database, and none can be had here.
        """
        self._lineage.prepare()
        await self._workspace.look()
        following = asyncio.create_task(self._keep_following())
        watching = asyncio.create_task(self._workspace.watch())
        leaving = asyncio.create_task(self._leaving.wait())
        tasks = (following, watching, leaving)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()
        for result in results:
            if isinstance(result, Exception):
                raise result
        return self._exit_code

    # What a person, a signal or the front may ask for

    def restart(self) -> None:
        """Start a new generation, changed or not."""
        self._wishes.add(Wanted(restart=True))

    def generate(self) -> None:
        """Read the configuration again, and write what generate writes."""
        self._wishes.add(Wanted(build=True))

    def toggle_pause(self) -> None:
        """Let the workers of this session claim nothing, or claim again."""
        self._paused = not self._paused
        self._lineage.pause(self._paused)
        logger.info("paused: what runs goes on, nothing new is claimed" if self._paused else "resumed")

    def leave(self, exit_code: int) -> None:
        """Let what runs end within the grace, and return from `run`. A second time: give it back at once."""
        if self._leaving.is_set():
            self._grace = 0.0
            self._lineage.hurry()
            return
        self._exit_code = exit_code
        self._lineage.closing()
        self._leaving.set()

    @property
    def is_leaving(self) -> bool:
        return self._leaving.is_set()

    def status(self) -> Status:
        plan = self._served.built.plan if self._served else None
        current = self._lineage.current
        limits = {name: queue.worker_concurrency for name, queue in plan.queues.items()} if plan else {}
        running = {name: counts["running"] for name, counts in sorted(self._lineage.queues().items())}
        return Status(
            application=plan.name if plan else self._workspace.name,
            note=self._note(),
            plan=plan.hashes.structure[:8] if plan else "",
            generation=current.number if current else 0,
            queues={name: (count, limits.get(name, 0)) for name, count in running.items()},
            totals=self.totals(),
        )

    def totals(self) -> dict[str, int]:
        """How many executions ended how in this session."""
        return self._lineage.totals()

    def _note(self) -> str:
        if self._leaving.is_set():
            return "stopping"
        if self._outage.under_way:
            return "database away"
        if self._workspace.is_invalid:
            return "invalid configuration"
        if self._lineage.starting is not None:
            return "starting"
        if self._lineage.current is None:
            return "nothing runs yet"
        return "paused" if self._paused else "serving"

    def _record(self, message: Message) -> None:
        if message.get("event") == "reconnecting":
            self._outage.suspect()  # one word about it is enough
        else:
            replay(message)

    # What is done about it

    async def _keep_following(self) -> None:
        while True:
            wanted = self._wishes.take()
            try:
                await self._follow(wanted)
            except EmbeddedUnavailable:
                if self._lineage.current is None:
                    raise
                self._wait_for_database(wanted)
            except DatabaseUnreachable:
                self._wait_for_database(wanted)
            except (DatabaseError, PlanError) as error:
                self._front.problem(error)
            await self._wishes.came.wait()

    def _wait_for_database(self, wanted: Wanted) -> None:
        self._wishes.keep(wanted)
        self._outage.suspect()

    async def _follow(self, wanted: Wanted) -> None:
        built = self._workspace.built
        if wanted.build or built is None:
            built = await self._workspace.build()
            if self._workspace.is_invalid and self._lineage.current is not None:
                logger.warning("the last valid plan goes on being served")
        if built is None:
            return
        state = self._workspace.state(built)
        change = classify(self._served, state)
        if wanted.restart and change in (Change.NOTHING, Change.TUNABLES, Change.CODE):
            change = Change.CODE if change is not Change.TUNABLES else Change.PLAN
        if change in (Change.PLAN, Change.TUNABLES):
            await self._database.follow(built)
        if change is Change.TUNABLES and self._lineage.current is not None:
            await self._retune(state, self._lineage.current)
        elif change is not Change.NOTHING:
            await self._replace(state, wanted)

    async def _retune(self, state: State, generation: Generation) -> None:
        await generation.retune(state.built.plan.to_json())
        self._served = state
        logger.info("tunables pushed to generation %d, nothing was restarted", generation.number)

    async def _replace(self, state: State, wanted: Wanted) -> None:
        """Start a new generation; once it is ready let the old one end."""
        began, built = time.time(), state.built
        try:
            generation = await self._lineage.start(
                orders(built, level=self._level, paused=self._paused), self._wishes.came
            )
        except StartFailed as error:
            self._start_failed(error, wanted)
            return
        if generation is None:
            self._wishes.keep(Wanted(restart=True))
            return
        self._served = state
        await self._lineage.hand_over(generation, built.grace, lambda: self._clean_up(built))
        logger.info("%s", announcement(generation.number, built, wanted.files, began))

    def _start_failed(self, error: StartFailed, wanted: Wanted) -> None:
        if error.unreachable:
            self._wait_for_database(wanted)
            return
        for trace in error.traces:
            self._front.trace(trace)
        self._front.problem(error)
        if self._lineage.current is not None:
            logger.warning("generation %d goes on serving", self._lineage.current.number)

    def _clean_up(self, built: Built) -> None:
        self._tidying = asyncio.create_task(self._tidy(built))

    async def _tidy(self, built: Built) -> None:
        """What the plan no longer has goes once nobody works with it."""
        if self._served is None or self._served.built is not built:
            return
        try:
            await self._database.tidy(built)
        except DatabaseUnreachable:
            self._outage.suspect()
        except DatabaseError as error:
            self._front.problem(error)

    async def _close(self) -> None:
        await self._outage.close()
        grace = self._grace
        if grace is None:
            grace = self._workspace.built.grace if self._workspace.built else 0.0
        await self._lineage.close(grace)
        if self._tidying is not None:
            await asyncio.gather(self._tidying, return_exceptions=True)
        await self._database.close()
