"""A command on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time

from tests.cli.project import Shop
from tests.command import COMMAND, environment


def _take_terminal() -> None:
    """So that Ctrl-C reaches whoever runs on it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A command that believes a person sits before it.

    Attributes:
        seen: all that it wrote so far.
    """

    def __init__(self, shop: Shop, *words: str, env: dict[str, str] | None = None) -> None:
        self._ours, self.theirs = pty.openpty()
        variables = environment({**shop.env, "TERM": "xterm", "LINES": "40", **(env or {})})
        self.seen = b""
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            env=variables,
            cwd=shop.folder,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )

    def read_until(self, text: str, seconds: float = 60) -> None:
        """Wait until it has written `text` since the last call."""
        start, deadline = len(self.seen), time.monotonic() + seconds
        while text.encode() not in self.seen[start:]:
            assert time.monotonic() < deadline, self.seen[start:]
            if select.select([self._ours], [], [], 0.2)[0]:
                self.seen += os.read(self._ours, 65536)
            assert self.process.poll() is None or self._pending(), self.seen[start:]

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def ended(self, seconds: float = 30) -> int:
        """Read to its end; the exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.seen
            self._drain(0.1)
        while self._drain(0):
            pass
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self.theirs)

    def _pending(self) -> bool:
        return bool(select.select([self._ours], [], [], 0)[0])

    def _drain(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        self.seen += os.read(self._ours, 65536)
        return True
