"""Keys that call back in an event loop, from a terminal that is left as it was found."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

try:
    import termios
    import tty
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]


class Keys:
    """Calls `on_key` with each key that is pressed, while the `with` block runs.

    Only a terminal's foreground process may listen to it; in the background, or without a terminal, nothing happens.
    Ctrl-C and Ctrl-Z keep their meaning.
    """

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._before: list[Any] | None = None
        self._loop = asyncio.get_running_loop()

    def listen(self) -> None:
        """Begin, or begin again after `rest` or after the process was stopped and continued."""
        if not _in_foreground():
            return
        fd = sys.stdin.fileno()
        if self._before is None:
            self._before = termios.tcgetattr(fd)
        tty.setcbreak(fd, termios.TCSADRAIN)  # what was typed a moment too early is not thrown away
        self._loop.add_reader(fd, self._read)

    def rest(self) -> None:
        """Give the terminal back."""
        before, self._before = self._before, None
        if before is not None:
            fd = sys.stdin.fileno()
            self._loop.remove_reader(fd)
            if _in_foreground():
                termios.tcsetattr(fd, termios.TCSADRAIN, before)

    def _read(self) -> None:
        try:
            keys = os.read(sys.stdin.fileno(), 64)
        except OSError:
            keys = b""
        if not keys:  # the terminal is gone
            self._loop.remove_reader(sys.stdin.fileno())
            return
        for key in keys.decode(errors="replace"):
            self._on_key(key)

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rest()


def _in_foreground() -> bool:
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
