"""Through PgBouncer in transaction mode: no prepared statements, no settings, every statement on another backend."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgconductor.plan.model import Plan
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Numbered

PGBOUNCER = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
SETTINGS = """
[databases]
shop = {target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@pytest.fixture
def pooler(shop: str) -> Iterator[str]:
    """The DSN of the shop through a pooler with three connections."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = conninfo_to_dict(shop)
    target = " ".join(
        f"{name}={given[name]}" for name in ("host", "port", "dbname", "user", "password") if name in given
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "pgbouncer.ini")
        settings.write_text(SETTINGS.format(target=target, port=port))
        Path(folder).chmod(0o755)
        with subprocess.Popen([PGBOUNCER, "-q", *_user(given), settings], stderr=subprocess.DEVNULL) as process:
            dsn = f"postgresql://anybody@127.0.0.1:{port}/shop?connect_timeout=2"
            try:
                _wait_for(dsn)
                yield dsn
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


async def test_everything_works_through_it(pooler: str, plan: Plan, backstage: Backstage) -> None:
    async with Conductor.connect(pooler, plan=plan) as conductor:
        for round in range(5):
            singles = [conductor.latest(Numbered(number=number)) for number in range(20)]
            keyed = [
                conductor.latest(Numbered(number=number), dedupe_key=f"{round % 2} {number}") for number in range(20)
            ]
            await asyncio.gather(*singles, *keyed)
        mixed = await conductor.latest.many(
            [Numbered(number=1), (Numbered(number=2), {"dedupe_key": "k"}), (Numbered(number=3), {"delay": "1h"})]
        )
        assert [await execution.status() for execution in mixed] == ["ready", "ready", "scheduled"]
        assert await mixed[0].cancel()
        assert await mixed[0].wait(timeout=5) == "cancelled"
    assert backstage.count() == 5 * 20 + 2 * 20 + 3
    assert backstage.value("select count(*) from pg_prepared_statements") == 0


async def test_sessions_killed_behind_it_lose_nothing_and_double_nothing(
    pooler: str, plan: Plan, backstage: Backstage
) -> None:
    async with Conductor.connect(pooler, plan=plan) as conductor:

        async def enqueue() -> list[object]:
            return [(await conductor.latest(Numbered(number=number))).id for number in range(30)]

        callers = [asyncio.create_task(enqueue()) for _ in range(5)]
        for _ in range(10):
            await asyncio.sleep(0.03)
            backstage.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        acknowledged = {name for names in await asyncio.gather(*callers) for name in names}
    assert len(acknowledged) == 150
    assert {row["id"] for row in backstage.rows()} == acknowledged
    assert backstage.count() == 150
