"""A `pgconductor dev` that a test starts, watches and tells to stop: a real process, on a terminal or not."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.cli.project import Shop
from tests.command import COMMAND, environment

# What a busy machine may need.
PATIENCE = 60.0
LAST = "<the end>"


class Dev:
    """A session.

    Args:
        terminal: on a pseudo-terminal instead of pipes.
        shell: as a job of an interactive shell on that terminal, which is the `process` then.
        env: more variables.
    """

    def __init__(
        self,
        shop: Shop,
        *words: str,
        terminal: bool = False,
        shell: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.shop = shop
        self._seen = ""
        self._news = threading.Condition()
        variables = environment({**shop.env, "TERM": "xterm", "PS1": "$ ", **(env or {})})
        dev = [*COMMAND, "dev", *words]
        # Without a line editor the terminal is the shell's as it was.
        command = ["/bin/sh", "+o", "emacs", "+o", "vi", "-i"] if shell else dev
        self.terminal: int | None = None
        if terminal:
            self.terminal, theirs = pty.openpty()
            self.settings = termios.tcgetattr(theirs)
            self._theirs = theirs
            self.process = subprocess.Popen(
                command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables, cwd=shop.folder,
                start_new_session=True, preexec_fn=_control_terminal,
            )  # fmt: skip
            reading = self.terminal
        else:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=variables,
                cwd=shop.folder,
            )  # fmt: skip
            assert self.process.stdout is not None
            reading = self.process.stdout.fileno()
        self._reader = threading.Thread(target=self._read, args=(reading,), daemon=True)
        self._reader.start()
        if shell:
            self.press(f"{shlex.join(dev)}\n")

    @property
    def seen(self) -> str:
        with self._news:
            return self._seen

    def wait_for(self, text: str, *, since: int = 0, seconds: float = PATIENCE) -> int:
        """Until it has said `text`, a regular expression, after position `since`. Returns the position after it."""
        deadline = time.monotonic() + seconds
        with self._news:
            while (match := re.search(text, self._seen[since:])) is None:
                left = deadline - time.monotonic()
                assert left > 0, f"never said {text!r}; said\n{self._seen}"
                assert self._reader.is_alive(), f"ended without {text!r}; said\n{self._seen}"
                self._news.wait(min(left, 0.2))
            return since + match.end()

    def serves(self, generation: int = 1) -> int:
        return self.wait_for(f"generation {generation} serves")

    def press(self, keys: str) -> None:
        assert self.terminal is not None
        os.write(self.terminal, keys.encode())

    def workers(self) -> list[int]:
        """The process ids of its worker processes, spares included."""
        children = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    stat = (folder / "stat").read_text().rpartition(")")[2].split()
                    if int(stat[1]) == self.process.pid:
                        children.append(int(folder.name))
        return children

    def serving(self) -> set[int]:
        """The process ids of registered workers."""
        return {pid for (pid,) in self.shop.rows("select pid from pgconductor.workers where not draining")}

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and wait for the end. Returns the exit code."""
        self.process.send_signal(number)
        return self.ends()

    def ends(self, seconds: float = PATIENCE) -> int:
        code = self.process.wait(seconds)
        if self.terminal is None:
            self._reader.join(5)
        else:  # we hold its other end ourselves: what is written there now comes after all that it said
            os.write(self._theirs, LAST.encode())
            self.wait_for(LAST)
        return code

    def close(self) -> None:
        for pid in [*self.workers(), self.process.pid] if self.process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self.terminal is not None:
            os.close(self._theirs)
        self._reader.join(5)
        if self.terminal is not None:
            os.close(self.terminal)
        elif self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self, fd: int) -> None:
        while True:
            try:
                data = os.read(fd, 65536)
            except OSError:
                data = b""
            with self._news:
                self._seen += data.decode(errors="replace")
                self._news.notify_all()
            if not data:
                return


def _control_terminal() -> None:
    import fcntl

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def until(done: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait for a condition. Returns what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := done()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
    return result


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
