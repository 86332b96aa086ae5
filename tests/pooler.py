"""Debian's PgBouncer in transaction mode, in front of a database of a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

PGBOUNCER = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
BACKENDS = 3
SETTINGS = """
[databases]
pooled = {target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {backends}
"""


@contextmanager
def pooled(dsn: str) -> Iterator[str]:
    """The DSN of a database through a pooler with three connections. Skips the test where there is none."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = conninfo_to_dict(dsn)
    target = " ".join(
        f"{name}={given[name]}" for name in ("host", "port", "dbname", "user", "password") if name in given
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "pgbouncer.ini")
        settings.write_text(SETTINGS.format(target=target, port=port, backends=BACKENDS))
        Path(folder).chmod(0o755)
        with subprocess.Popen([PGBOUNCER, "-q", *_user(given), settings], stderr=subprocess.DEVNULL) as process:
            through = f"postgresql://anybody@127.0.0.1:{port}/pooled?connect_timeout=2"
            try:
                _wait_for(through)
                yield through
            finally:
                process.terminate()


def _user(given: Mapping[str, object]) -> list[str]:
    """It refuses to run as root; who owns the server's socket may connect to it."""
    host = str(given.get("host", ""))
    owner = Path(host).owner() if host.startswith("/") else "nobody"
    return ["-u", owner] if os.geteuid() == 0 else []


def _wait_for(dsn: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def count_prepared(through: str) -> int:
    """How many prepared statements the pooler's backends keep, once nobody else uses them."""
    with ExitStack() as stack:
        # One transaction each, all open at a time: three backends.
        connections = [stack.enter_context(psycopg.connect(through, prepare_threshold=None)) for _ in range(BACKENDS)]
        rows = [
            connection.execute("select pg_backend_pid(), count(*) from pg_prepared_statements").fetchone()
            for connection in connections
        ]
    counts = dict(row for row in rows if row is not None)
    assert len(counts) == BACKENDS
    return sum(counts.values())
