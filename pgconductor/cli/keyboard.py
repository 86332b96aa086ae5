"""Single keys from a terminal, without waiting for Return and without echo: asked for, or called back in a loop."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

try:
    import termios
    import tty
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]


class Keyboard:
    """The terminal's keys while the block runs; afterwards it is as it was. Ctrl-C and Ctrl-Z keep their meaning."""

    def __init__(self) -> None:
        self.input = sys.stdin.fileno()
        self._before: list[Any] | None = None

    def take(self) -> None:
        """Begin, or begin again after the process was stopped and continued."""
        if self._before is None:
            self._before = termios.tcgetattr(self.input)
        tty.setcbreak(self.input, termios.TCSADRAIN)  # what was typed a moment too early is not thrown away

    def give_back(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            with suppress(termios.error):  # it may be gone
                termios.tcsetattr(self.input, termios.TCSADRAIN, before)

    def read(self, seconds: float) -> str | None:
        """The key pressed within so many seconds; None where there was none, "" when the terminal is gone."""
        return self.pressed(1) if select.select([self.input], [], [], max(0.0, seconds))[0] else None

    def pressed(self, most: int) -> str:
        """Keys that are there to be read; "" when the terminal is gone."""
        try:
            return os.read(self.input, most).decode(errors="replace")
        except OSError:
            return ""

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()


class Keys:
    """Calls `on_key` in the running event loop with each key that is pressed, while the `with` block runs.

    Only a terminal's foreground process may listen to it; in the background, or without a terminal, nothing happens.
    """

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._keyboard: Keyboard | None = None
        self._loop = asyncio.get_running_loop()

    def listen(self) -> None:
        """Begin, or begin again after `rest` or after the process was stopped and continued."""
        if not _in_foreground():
            return
        if self._keyboard is None:
            self._keyboard = Keyboard()
        self._keyboard.take()
        self._loop.add_reader(self._keyboard.input, self._read, self._keyboard)

    def rest(self) -> None:
        """Give the terminal back."""
        keyboard, self._keyboard = self._keyboard, None
        if keyboard is not None:
            self._loop.remove_reader(keyboard.input)
            if _in_foreground():
                keyboard.give_back()

    def _read(self, keyboard: Keyboard) -> None:
        keys = keyboard.pressed(64)
        if not keys:
            self._loop.remove_reader(keyboard.input)
        for key in keys:
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
