"""Databases and servers for tests: real ones, always."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgconductor.store.cluster import Cluster
from pgconductor.store.filelock import FileLock

# What a test loses when the machine loses its power is nothing.
FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "300"}

_numbers = itertools.count(1)


def with_database(dsn: str, name: str) -> str:
    """The same server, another database."""
    if "://" in dsn:
        return urlsplit(dsn)._replace(path=f"/{name}").geturl()
    return make_conninfo(dsn, dbname=name)


@contextmanager
def clone(server: str, template: str = "template0") -> Iterator[str]:
    """The DSN of a new database like `template`; it is dropped at the end, whoever is still connected."""
    name = f"pgconductor_test_{os.getpid()}_{next(_numbers)}"
    execute(server, sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield with_database(server, name)
    finally:
        execute(server, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def execute(dsn: str, statement: sql.Composable | str) -> None:
    """Run one statement outside a transaction."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


class PrivateServer:
    """A server that one test may stop, kill and start again.

    Attributes:
        dsn: its database, the same after every start.
    """

    SIGNALS = {
        "smart": signal.SIGTERM,
        "fast": signal.SIGINT,
        "immediate": signal.SIGQUIT,
        "kill": signal.SIGKILL,
    }

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        self.cluster = Cluster(directory, settings={**FAST, **(settings or {})})
        self.start()
        self.dsn = self.cluster.url()

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        with FileLock(self.cluster.home / "start.lock") as guard:
            guard.take()
            self.cluster.ensure_running(guard)

    def stop(self, mode: Literal["smart", "fast", "immediate", "kill"] = "fast") -> None:
        """Stop it as `pg_ctl stop -m` would, or with SIGKILL, and wait until no process of it is left."""
        pid = self.cluster.pid()
        assert pid is not None, "the server does not run"
        os.kill(pid, self.SIGNALS[mode])
        deadline = time.monotonic() + 30
        while self.cluster.is_running():
            assert time.monotonic() < deadline, f"the server did not end by {mode}"
            time.sleep(0.01)

    def freeze(self) -> None:
        """SIGSTOP to all of it: connections stay open, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        """First the postmaster, which then starts no more, and its children, as Linux tells them."""
        pid = self.cluster.pid()
        assert pid is not None, "the server does not run"
        os.kill(pid, number)
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in path.read_text().split():
                os.kill(int(child), number)

    def restart(self, mode: Literal["smart", "fast", "immediate", "kill"] = "fast") -> None:
        """`stop`, then `start`."""
        self.stop(mode)
        self.start()
