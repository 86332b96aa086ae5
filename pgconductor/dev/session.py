"""A dev session: from the first start to the prompt's return.

Whatever happens (a save, a key, a process that died, a database that is back) only says that something may have to be
done. One loop then compares what runs with what is written and does the smallest thing that is enough.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pgconductor.dev.change import Change, State, classify
from pgconductor.dev.channel import Message
from pgconductor.dev.database import Database
from pgconductor.dev.generation import TOTALS, Generation, Spares
from pgconductor.dev.member import Member, Order, StartFailed, manner
from pgconductor.dev.outage import Outage
from pgconductor.dev.project import Built, build
from pgconductor.dev.records import replay
from pgconductor.dev.sources import Kind, Territory
from pgconductor.dev.watcher import Watcher
from pgconductor.errors import (
    ConductorError,
    ConfigError,
    DatabaseError,
    DatabaseUnreachable,
    EmbeddedUnavailable,
    OutputError,
    PlanError,
)
from pgconductor.plan.interpolate import interpolate
from pgconductor.runtime.supervisor import FIRST_RESTART, LONGEST_RESTART, SETTLED_AFTER, assignments

logger = logging.getLogger("pgconductor.dev")

# A generation that is still starting when the next change comes has so long to make it.
PATIENCE = 3.0
# An import that takes so long is worth a word.
SLOW_START = 10.0
# What is enqueued once a generation is announced is not run by the old one, unless its loop is blocked for so long.
HANDOVER = 0.5
# Spares beyond what one generation needs: the second of two quick saves finds one too.
MORE_SPARES = 1


class Front(Protocol):
    """Who shows a session to a person. Log records, the session's own included, go through `logging`."""

    def problem(self, error: ConductorError) -> None:
        """Something is wrong with the project: an error of several lines."""

    def trace(self, text: str) -> None:
        """The traceback of what the project's code raised."""

    def line(self, text: str, is_error: bool) -> None:
        """A worker process printed a line, to stderr if `is_error`."""


@dataclass(frozen=True)
class Status:
    """A session at a moment.

    Attributes:
        note: what it is about: "serving", "paused", "starting", "stopping", or what keeps it from serving.
        plan: the first letters of the plan's hash; empty before the first.
        generation: the number of the current one; 0 before the first.
        queues: what runs, and how much may, by queue.
        totals: how many executions ended how since the session began.
    """

    application: str
    note: str
    plan: str
    generation: int
    queues: Mapping[str, tuple[int, int]]
    totals: Mapping[str, int]


@dataclass
class _Wanted:
    """What has been asked for since the last turn of the loop.

    Attributes:
        build: the configuration may have changed.
        restart: a new generation, changed or not.
        files: what was saved.
    """

    build: bool = False
    restart: bool = False
    files: set[Path] = field(default_factory=set)


class Session:
    """What `pgconductor dev` is.

    Args:
        config: of the project; it need not be valid yet.
        env: whose overrides apply.
        level: the lowest level of log records that workers send.
    """

    def __init__(self, config: Path, env: str | None, front: Front, level: str = "INFO") -> None:
        self._config = config.absolute()
        self._env = env
        self._front = front
        self._level = level
        self._database = Database()
        self._outage = Outage(self._database, self._look_again)
        self._spares = Spares(lambda: Member(front.line, self._record))
        territory = Territory(self._config.parent, sources=frozenset({self._config}))
        self._watcher = Watcher(territory, self._saved)
        self._wanted = _Wanted(build=True)
        self._wake = asyncio.Event()
        self._leaving = asyncio.Event()
        self._exit_code = 0
        self._grace: float | None = None
        self._built: Built | None = None
        self._served: State | None = None
        self._starting: Generation | None = None
        self._current: Generation | None = None
        self._former: dict[asyncio.Task[None], Generation] = {}
        self._retired = dict.fromkeys(TOTALS, 0)
        self._number = 0
        self._paused = False
        self._invalid = False
        self._restart_wait = FIRST_RESTART
        self._tidying: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Follow the project until `leave`.

        Returns:
            The exit code.

        Raises:
            EmbeddedUnavailable: there is no database, and none can be had here.
        """
        self._spares.keep(1)
        await self._watcher.look()
        following = asyncio.create_task(self._keep_following())
        watching = asyncio.create_task(self._watcher.run())
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
        self._wanted.restart = True
        self._look_again()

    def generate(self) -> None:
        """Read the configuration again, and write what generate writes."""
        self._wanted.build = True
        self._look_again()

    def toggle_pause(self) -> None:
        """Let the workers of this session claim nothing, or claim again."""
        self._paused = not self._paused
        for generation in (self._current, self._starting):
            if generation is not None:
                generation.pause(self._paused)
        logger.info("paused: what runs goes on, nothing new is claimed" if self._paused else "resumed")

    def leave(self, exit_code: int) -> None:
        """Let what runs end within the grace, and return from `run`. A second time: give it back at once."""
        if self._leaving.is_set():
            self._grace = 0.0
            for generation in self._generations():
                generation.hurry()
            return
        self._exit_code = exit_code
        self._leaving.set()

    @property
    def is_leaving(self) -> bool:
        return self._leaving.is_set()

    def status(self) -> Status:
        plan = self._served.built.plan if self._served else None
        running = self._current.queues() if self._current else {}
        limits = {name: queue.worker_concurrency for name, queue in plan.queues.items()} if plan else {}
        return Status(
            application=plan.name if plan else self._config.parent.name,
            note=self._note(),
            plan=plan.hashes.structure[:8] if plan else "",
            generation=self._current.number if self._current else 0,
            queues={name: (counts["running"], limits.get(name, 0)) for name, counts in sorted(running.items())},
            totals=self.totals(),
        )

    def totals(self) -> dict[str, int]:
        """How many executions ended how in this session."""
        live = [generation.totals() for generation in self._generations()]
        return {name: self._retired[name] + sum(totals[name] for totals in live) for name in TOTALS}

    def _note(self) -> str:
        if self._leaving.is_set():
            return "stopping"
        if self._outage.under_way:
            return "database away"
        if self._invalid:
            return "invalid configuration"
        if self._starting is not None:
            return "starting"
        if self._current is None:
            return "nothing runs yet"
        return "paused" if self._paused else "serving"

    def _generations(self) -> list[Generation]:
        found = [*self._former.values(), self._current, self._starting]
        return [generation for generation in found if generation is not None]

    # What happens

    def _look_again(self) -> None:
        self._wake.set()

    def _saved(self, changes: dict[Path, Kind]) -> None:
        """Files changed. What generate wrote itself is no news."""
        news = {path: kind for path, kind in changes.items() if not self._is_written_by_us(path)}
        self._wanted.files |= news.keys()
        generated = self._generated_paths()
        if any(kind == "config" or path in generated for path, kind in news.items()):
            self._wanted.build = True
        if news:
            self._look_again()

    def _is_written_by_us(self, path: Path) -> bool:
        text = self._generated_paths().get(path)
        try:
            return text is not None and path.read_bytes().decode("utf-8", "replace") == text
        except OSError:
            return False

    def _generated_paths(self) -> dict[Path, str]:
        built = self._built
        return {} if built is None else {built.folder / path: text for path, text in built.generated.items()}

    def _record(self, message: Message) -> None:
        if message.get("event") == "reconnecting":
            self._outage.suspect()  # one word about it is enough
        else:
            replay(message)

    def _lost(self, generation: Generation, pid: int | None, code: int) -> None:
        if generation is not self._current or self._leaving.is_set():
            return
        if time.monotonic() - generation.started_at > SETTLED_AFTER:
            self._restart_wait = FIRST_RESTART
        logger.error("worker process %s ended with %s; another one in %.1f s", pid, manner(code), self._restart_wait)
        asyncio.get_running_loop().call_later(self._restart_wait, self.restart)
        self._restart_wait = min(2 * self._restart_wait, LONGEST_RESTART)

    # What is done about it

    async def _keep_following(self) -> None:
        while True:
            self._wake.clear()
            wanted, self._wanted = self._wanted, _Wanted()
            try:
                await self._follow(wanted)
            except EmbeddedUnavailable:
                if self._current is None:
                    raise
                self._wait_for_database(wanted)
            except DatabaseUnreachable:
                self._wait_for_database(wanted)
            except (DatabaseError, PlanError) as error:
                self._front.problem(error)
            await self._wake.wait()

    def _wait_for_database(self, wanted: _Wanted) -> None:
        self._wanted.build |= wanted.build
        self._wanted.restart |= wanted.restart
        self._wanted.files |= wanted.files
        self._outage.suspect()

    async def _follow(self, wanted: _Wanted) -> None:
        if wanted.build or self._built is None:
            await self._build()
        if self._built is None:
            return
        state = State(self._built, self._watcher.sources.code())
        change = classify(self._served, state)
        if wanted.restart and change in (Change.NOTHING, Change.TUNABLES, Change.CODE):
            change = Change.CODE if change is not Change.TUNABLES else Change.PLAN
        if change in (Change.PLAN, Change.TUNABLES):
            await self._database.follow(state.built)
        if change is Change.TUNABLES and self._current is not None:
            await self._retune(state, self._current)
        elif change is not Change.NOTHING:
            await self._replace(state, wanted)

    async def _build(self) -> None:
        try:
            built = await asyncio.to_thread(build, self._config, self._env)
            ignored = [interpolate(text, os.environ) for text in built.dev.ignore]
            watched = [interpolate(text, os.environ) for text in built.dev.watch]
        except (ConfigError, OutputError, PlanError) as error:
            self._invalid = True
            self._front.problem(error)
            if self._current is not None:
                logger.warning("the last valid plan goes on being served")
            return
        if self._invalid:
            logger.info("the configuration is valid again" if self._built else "the configuration is valid")
        self._invalid = False
        self._built = built
        for path in built.rewritten:
            logger.info("generated: %s", path)
        known = self._watcher.sources.digests
        changes = await self._watcher.settle(
            Territory(built.folder, (built.code_folder,), built.sources, tuple(watched), tuple(ignored))
        )
        self._saved({path: kind for path, kind in changes.items() if path in known})

    async def _retune(self, state: State, generation: Generation) -> None:
        await generation.retune(state.built.plan.to_json())
        self._served = state
        logger.info("tunables pushed to generation %d, nothing was restarted", generation.number)

    async def _replace(self, state: State, wanted: _Wanted) -> None:
        """Start a new generation; once it is ready let the old one end."""
        began = time.time()
        self._number += 1
        generation = Generation(self._number, self._orders(state.built), self._spares, self._lost)
        self._starting = generation
        try:
            is_ready = await self._patiently(generation)
        except StartFailed as error:
            self._starting = None
            self._start_failed(error, wanted)
            return
        self._starting = None
        if not is_ready:
            self._wanted.restart = True
            return
        old, self._current, self._served = self._current, generation, state
        if old is not None:
            self._end(old, state.built)
            await old.claims_no_more(HANDOVER)
        logger.info("%s", _announcement(generation, state.built, wanted.files, began))
        asyncio.get_running_loop().call_later(0.5, self._keep_spares)

    async def _patiently(self, generation: Generation) -> bool:
        """Wait until a generation is ready.

        Returns:
            False: it was given up, since it took too long and what it is of has changed meanwhile.
        """
        starting = asyncio.create_task(generation.start())
        waking = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait((starting, waking), return_when=asyncio.FIRST_COMPLETED, timeout=SLOW_START)
            if not starting.done() and not waking.done():
                logger.warning(
                    "generation %d is not ready after %g s; it is still being imported", generation.number, SLOW_START
                )
                await asyncio.wait((starting, waking), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((starting,), timeout=PATIENCE)
            if starting.done():
                starting.result()
                return True
            await generation.stop(0)
            return False
        finally:
            for task in (starting, waking):
                task.cancel()
            await asyncio.gather(starting, waking, return_exceptions=True)

    def _start_failed(self, error: StartFailed, wanted: _Wanted) -> None:
        self._keep_spares()
        if error.unreachable:
            self._wait_for_database(wanted)
            return
        for trace in error.traces:
            self._front.trace(trace)
        self._front.problem(error)
        if self._current is not None:
            logger.warning("generation %d goes on serving", self._current.number)

    def _keep_spares(self) -> None:
        if not self._leaving.is_set() and self._built is not None:
            self._spares.keep(len(self._orders(self._built)) + MORE_SPARES)

    def _end(self, generation: Generation, built: Built) -> None:
        ending = asyncio.create_task(self._stop(generation, built.dev.grace_ms / 1000))
        self._former[ending] = generation
        ending.add_done_callback(lambda ending: self._has_ended(ending, built))

    async def _stop(self, generation: Generation, grace: float) -> None:
        await generation.stop(grace)
        for name, count in generation.totals().items():
            self._retired[name] += count

    def _has_ended(self, ending: asyncio.Task[None], built: Built) -> None:
        del self._former[ending]
        if not self._former and not self._leaving.is_set():
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

    def _orders(self, built: Built) -> list[Order]:
        served = sorted({task.queue for task in built.plan.tasks.values() if task.handler})
        shares = assignments(built.plan, served, None)
        return [
            Order(
                plan=built.plan.to_json(),
                folder=str(built.folder),
                fresh=[str(built.code_folder), str(built.folder)],
                queues=queues,
                grace=built.dev.grace_ms / 1000,
                level=self._level,
                paused=self._paused,
            )
            for queues in shares
        ]

    async def _close(self) -> None:
        await self._outage.close()
        grace = self._grace
        if grace is None:
            grace = self._built.dev.grace_ms / 1000 if self._built else 0.0
        live = [generation for generation in (self._current, self._starting) if generation is not None]
        await asyncio.gather(*(self._stop(generation, grace) for generation in live), *self._former)
        self._current = self._starting = None
        await self._spares.close()
        if self._tidying is not None:
            await asyncio.gather(self._tidying, return_exceptions=True)
        await self._database.close()


def _announcement(generation: Generation, built: Built, files: set[Path], began: float) -> str:
    queues = ", ".join(sorted({task.queue for task in built.plan.tasks.values() if task.handler}))
    text = f"generation {generation.number} serves {queues or 'no queue: no task has a handler'}"
    saved = [path.stat().st_mtime for path in files if path.is_file()]
    if not files:
        return text
    names = sorted(path.name for path in files)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    # A file may have been given any time; what is plainly not of this save is left out.
    seconds = time.time() - max(saved, default=0.0)
    since = f", {seconds:.2f} s after the save" if began - max(saved, default=0.0) < 5 else ""
    return f"{text}: {shown} changed{since}"
