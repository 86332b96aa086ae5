"""The project's files: watched, and read and compiled anew when they change."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from pgconductor.dev.change import State
from pgconductor.dev.front import Front
from pgconductor.dev.project import Built, build
from pgconductor.dev.sources import Kind, Territory
from pgconductor.dev.wanted import Wanted, Wishes
from pgconductor.dev.watcher import Watcher
from pgconductor.errors import ConfigError, OutputError, PlanError
from pgconductor.plan.interpolate import interpolate

logger = logging.getLogger("pgconductor.dev")


class Workspace:
    """What is written, as far as it is valid.

    Args:
        config: of the project; it need not be there yet.
        env: whose overrides apply.
        wishes: told of what a save asks for.

    Attributes:
        built: of the last valid configuration; None before the first.
        is_invalid: the configuration of now is not.
    """

    def __init__(self, config: Path, env: str | None, front: Front, wishes: Wishes) -> None:
        self.built: Built | None = None
        self.is_invalid = False
        self._config = config
        self._env = env
        self._front = front
        self._wishes = wishes
        self._watcher = Watcher(Territory(config.parent, sources=frozenset({config})), self._saved)

    @property
    def name(self) -> str:
        """Of the project, for want of a plan."""
        return self._config.parent.name

    async def watch(self) -> None:
        """Until cancelled."""
        await self._watcher.run()

    async def look(self) -> None:
        """Take the files as they are: what changes from here on is a save."""
        await self._watcher.look()

    def state(self, built: Built) -> State:
        """The plan and the code of now."""
        return State(built, self._watcher.sources.code())

    async def build(self) -> Built | None:
        """Read the configuration, and write what generate writes. Every problem is shown, and nothing written then.

        Returns:
            What `built` is now: as before, if there were problems.
        """
        try:
            built = await asyncio.to_thread(build, self._config, self._env)
            territory = _territory(built)
        except (ConfigError, OutputError, PlanError) as error:
            self.is_invalid = True
            self._front.problem(error)
            return self.built
        if self.is_invalid:
            logger.info("the configuration is valid again" if self.built else "the configuration is valid")
        self.is_invalid, self.built = False, built
        for path in built.rewritten:
            logger.info("generated: %s", path)
        known = self._watcher.sources.digests
        changes = await self._watcher.settle(territory)
        self._saved({path: kind for path, kind in changes.items() if path in known})
        return built

    def _saved(self, changes: dict[Path, Kind]) -> None:
        """Files changed. What generate wrote itself is no news."""
        built = self.built
        news = {path: kind for path, kind in changes.items() if not (built and built.is_as_generated(path))}
        if not news:
            return
        affects = any(kind == "config" or (built and built.is_generated(path)) for path, kind in news.items())
        self._wishes.add(Wanted(build=affects, files=set(news)))


def _territory(built: Built) -> Territory:
    watched = tuple(interpolate(text, os.environ) for text in built.dev.watch)
    ignored = tuple(interpolate(text, os.environ) for text in built.dev.ignore)
    return Territory(built.folder, (built.code_folder,), built.sources, watched, ignored)
