"""Single keys from a terminal, without waiting for Return and without echo."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from contextlib import suppress
from types import TracebackType
from typing import Self


class Keyboard:
    """The terminal's keys while the block runs; afterwards it is as it was. Ctrl-C stays Ctrl-C."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()

    def read(self, seconds: float) -> str | None:
        """The key pressed within so many seconds; None where there was none, "" when the terminal is gone."""
        if not select.select([self._input], [], [], max(0.0, seconds))[0]:
            return None
        try:
            return os.read(self._input, 1).decode("ascii", "replace")
        except OSError:
            return ""

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._input)
        tty.setcbreak(self._input)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(termios.error):  # it may be gone
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)
