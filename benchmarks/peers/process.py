"""A peer's program at work: our end of `protocol.py`."""

import json
import tempfile
import threading
from types import TracebackType
from typing import Any, Self

from benchmarks.peers.environment import Environment
from benchmarks.peers.protocol import PREFIX


class PeerFailed(Exception):
    """The program ended, or answered something else than it should; the message has what it last wrote."""


class PeerProcess:
    """One verb of a peer, running until the `with` block ends: then it is killed, its work being done or in vain.

    Args:
        limit: seconds after which it is killed, and whoever waits for an answer gets `PeerFailed`.
    """

    def __init__(self, environment: Environment, *words: str, dsn: str, limit: float) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by __exit__
        self._process = environment.start(*words, variables={"PEER_DSN": dsn}, stderr=self._errors.fileno())
        self._verb = words[0]
        self._timer = threading.Timer(limit, self._process.kill)
        self._timer.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def answer(self, key: str) -> dict[str, Any]:
        """Wait for the program's next object, which must have `key`."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(PREFIX):
                facts: dict[str, Any] = json.loads(line.removeprefix(PREFIX))
                if key in facts:
                    return facts
                raise PeerFailed(f"{self._verb} should have said {key!r} and said {facts}")
        raise PeerFailed(
            f"{self._verb} ended with {self._process.wait()} before it said {key!r}:\n{self._last_words()}"
        )

    def go(self) -> None:
        """Let it begin: the clocks are running."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-2000:].strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.communicate()
        self._errors.close()
