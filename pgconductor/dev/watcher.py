"""Looks at the sources when the file system says so, and now and then anyway."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from watchfiles import awatch

from pgconductor.dev.sources import Kind, Sources, Territory

logger = logging.getLogger("pgconductor.dev")
logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it reports every event, heeded or not

# Editors write a file in several steps: nothing must have happened for so long.
SETTLE_MS = 30
LONGEST_SETTLE_MS = 300
# Network and container file systems report nothing, and a report may come before we listen.
ANYWAY_MS = 1_000
# A look takes a moment where there are many files: no more than a twentieth of the time is spent on it.
SHARE = 20


class Watcher:
    """Reports changes of content.

    Args:
        on_change: called in the event loop with what has come, gone or changed.

    Attributes:
        sources: as of the last look.
    """

    def __init__(self, territory: Territory, on_change: Callable[[dict[Path, Kind]], None]) -> None:
        self.sources = Sources(territory)
        self._on_change = on_change
        self._looking = asyncio.Lock()
        self._moved = asyncio.Event()
        self._next_look = 0.0

    async def look(self, suspects: frozenset[Path] = frozenset()) -> dict[Path, Kind]:
        """Look now; the changes are returned and not reported."""
        async with self._looking:
            began = time.monotonic()
            changes = await asyncio.to_thread(self.sources.look, suspects)
            now = time.monotonic()
            self._next_look = now + max(ANYWAY_MS / 1000, SHARE * (now - began))
            return changes

    async def settle(self, territory: Territory) -> dict[Path, Kind]:
        """Look there from now on; the first look's changes are returned and not reported."""
        if territory != self.sources.territory:
            self.sources.territory = territory
            self._moved.set()
        return await self.look()

    async def run(self) -> None:
        """Watch until cancelled."""
        polling = False
        while True:
            self._moved.clear()
            folders = await asyncio.to_thread(self.sources.territory.folders)
            try:
                await self._watch(folders, polling)
            except FileNotFoundError:
                await asyncio.sleep(0.1)  # one of the folders went away on the way here
            except (OSError, RuntimeError) as error:  # too many folders to watch, or too many who watch
                if polling:
                    raise
                polling = True
                logger.warning("files cannot be watched (%s); they are looked at every %g s", error, ANYWAY_MS / 1000)

    async def _watch(self, folders: frozenset[Path], polling: bool) -> None:
        """Until the set of folders changes."""
        async for events in awatch(
            *sorted(folders),
            watch_filter=None,
            step=SETTLE_MS,
            debounce=LONGEST_SETTLE_MS,
            rust_timeout=ANYWAY_MS,
            yield_on_timeout=True,
            recursive=False,  # no data folder of a Postgres, no environment, no node_modules
            force_polling=polling or None,
            ignore_permission_denied=True,
        ):
            suspects = frozenset(path for _, name in events if self.sources.territory.concerns(path := Path(name)))
            if not suspects and time.monotonic() < self._next_look:
                continue
            changes = await self.look(suspects)
            if changes:
                self._on_change(changes)
            if self._moved.is_set() or await asyncio.to_thread(self.sources.territory.folders) != folders:
                return
