"""The embedded Postgres of a project, shared by the commands that run at the same time.

The first that needs it starts it, the last one stops it. Who needs it is told by locks that the kernel keeps, so a
`kill -9` can neither leave a use behind nor take the server away from others:

    users.lock   shared by every user; whoever leaves and can take it alone was the last
    start.lock   held alone while the server is started or stopped
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from pgconductor.errors import EmbeddedUnavailable
from pgconductor.store.cluster import Cluster
from pgconductor.store.filelock import FileLock


class EmbeddedServer:
    """The Postgres of one project folder. Its data, locks and log lie in `.pgconductor/` below it.

    Args:
        directory: the project's folder.
        settings: settings of the server, over the usual ones, if it is us who start it.

    Example:
        >>> with EmbeddedServer(Path.cwd()).acquire() as dsn:  # doctest: +SKIP
        ...     psycopg.connect(dsn)
    """

    def __init__(self, directory: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.home = directory.resolve() / ".pgconductor"
        self.cluster = Cluster(self.home, settings=settings)

    def acquire(self) -> ServerUse:
        """Start the server unless it runs, and keep it up until `release()` or the end of the `with` block.

        If nobody was left to stop it, because its last user was killed, it is taken over as it is.

        Raises:
            EmbeddedUnavailable: it cannot run here; the message says why and what to do.
        """
        self._make_home()
        with self._alone() as guard:
            users = FileLock(self.home / "users.lock")
            users.share()
            try:
                self.cluster.ensure_running(guard)
            except BaseException:
                self._leave(users)
                raise
        return ServerUse(self, users, self.cluster.url())

    def release(self, users: FileLock) -> None:
        """Give up the use that holds `users`; `ServerUse.release` calls it."""
        with self._alone():
            self._leave(users)

    def _alone(self) -> FileLock:
        starting = FileLock(self.home / "start.lock")
        starting.take()
        return starting

    def _leave(self, users: FileLock) -> None:
        with users:
            if users.try_take():
                self.cluster.stop()

    def _make_home(self) -> None:
        ignore = self.home / ".gitignore"
        try:
            self.home.mkdir(exist_ok=True)
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise EmbeddedUnavailable(f"the embedded Postgres needs the folder {self.home}: {error.strerror}") from None


class ServerUse:
    """One user's hold on the server.

    Attributes:
        dsn: a libpq URL, good while the use lasts.
    """

    def __init__(self, server: EmbeddedServer, users: FileLock, dsn: str) -> None:
        self.dsn = dsn
        self._server = server
        self._users: FileLock | None = users

    def release(self) -> None:
        """Give the use up; the last one to do so stops the server. Twice is the same as once."""
        users, self._users = self._users, None
        if users is not None:
            self._server.release(users)

    def __enter__(self) -> str:
        return self.dsn

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
