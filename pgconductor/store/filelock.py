"""Locks on files that the kernel keeps: they end with the last process that holds them, however it ended."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from pgconductor.errors import EmbeddedUnavailable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BELONGS_TO_ANOTHER = "{} belongs to another user: run pgconductor as that user, or remove the folder"


class FileLock:
    """One opening of a lock file. A child process that is handed `fd` holds the lock too, until it ends."""

    def __init__(self, path: Path) -> None:
        """Open the lock without taking it.

        Raises:
            EmbeddedUnavailable: the file belongs to somebody else, or this system has no such locks.
        """
        if fcntl is None:
            raise EmbeddedUnavailable(
                "the embedded Postgres runs on Linux and macOS only: set `[database] url` to a Postgres of your own"
            )
        try:
            # Read-only is enough to lock, and lets root and the folder's owner share one.
            self.fd = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
        except PermissionError:
            raise EmbeddedUnavailable(BELONGS_TO_ANOTHER.format(path.parent)) from None

    def share(self) -> None:
        """Hold it beside others; wait while one holds it alone."""
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def take(self) -> None:
        """Hold it alone; wait for the others to let go."""
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def try_take(self) -> bool:
        """Hold it alone if nobody else holds it. If somebody does, a share held until now is given up."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go, unless a child process was handed the lock: then it is the child's."""
        os.close(self.fd)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
