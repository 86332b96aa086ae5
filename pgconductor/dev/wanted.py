"""What has been asked for, and is not done yet."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Wanted:
    """What a save, a key or a process that died asks for.

    Attributes:
        build: the configuration may have changed.
        restart: a new generation, changed or not.
        files: what was saved.
    """

    build: bool = False
    restart: bool = False
    files: set[Path] = field(default_factory=set)


class Wishes:
    """Collects what is wanted while something else is done. Everything that happens also only wakes up who waits."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self._wanted = Wanted()

    def add(self, wanted: Wanted) -> None:
        """This too, now."""
        self.keep(wanted)
        self.came.set()

    def keep(self, wanted: Wanted) -> None:
        """This too, the next time that there is anything to do."""
        self._wanted.build |= wanted.build
        self._wanted.restart |= wanted.restart
        self._wanted.files |= wanted.files

    def look_again(self) -> None:
        """Something may have to be done, such as what is kept."""
        self.came.set()

    def take(self) -> Wanted:
        """All of it; what comes from here on is another turn's."""
        self.came.clear()
        wanted, self._wanted = self._wanted, Wanted()
        return wanted
