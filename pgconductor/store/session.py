"""Connections: how each kind is opened, and what it may rely on.

A transaction-mode pooler (PgBouncer) hands every transaction to another backend: session settings leak to strangers,
prepared statements are missing, LISTEN hears nothing. It is recognised by its made-up backend pid, and then none of the
three is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.conninfo import conninfo_to_dict, timeout_from_conninfo

from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.endpoint import hide_password

# What claim and settle rely on. The tables are empty or huge from one minute to the next, so a plan made for what the
# statistics say is wrong half the time; these make the index the only way, and generic plans make planning free.
WORKER_SETTINGS = (
    "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_bitmapscan = off; "
    "set enable_sort = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off;"
)
# A claim that a crash of the server undoes was never settled either: settling flushes the log up to itself.
CLAIM_SETTINGS = "set synchronous_commit = off;"
# durability = "relaxed": a crash of the server may undo the last half second of settling, and run it again.
RELAXED_SETTINGS = "set synchronous_commit = off;"
# Where a dead host or a firewall swallows what is sent, nobody says that the connection is lost: the kernel has to
# notice, and by its own defaults takes from a quarter of an hour to two hours. What the URL says of these holds.
# With 5 s for a connection and two for the pause between, workers are back within five seconds of the network.
_DEFAULTS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


@dataclass(frozen=True)
class Session:
    """An open asynchronous connection in autocommit mode.

    Attributes:
        pooled: behind a pooler: no prepared statements, no session settings, no LISTEN.
    """

    connection: AsyncConnection
    pooled: bool


def connection_settings(url: str, name: str) -> dict[str, Any]:
    """How psycopg opens every connection of ours, beside its URL.

    Args:
        url: what it says of timeouts holds.
        name: `application_name`.

    Raises:
        DatabaseUnreachable: it is no connection string.
    """
    try:
        said = conninfo_to_dict(url)
        timeout_from_conninfo(said)
    except psycopg.ProgrammingError:
        raise _invalid(url) from None
    # The end of a password with an unescaped `@`, and what is said of such a host quotes it. At its beginning it is a
    # socket without a file.
    if "@" in str(said.get("host", ""))[1:]:
        raise _invalid(url)
    timeouts = {option: value for option, value in _DEFAULTS.items() if option not in said}
    return {"autocommit": True, "application_name": name, **timeouts}


async def open_session(url: str, name: str, *, settings: str | None = None) -> Session:
    """Connect.

    Args:
        url: a libpq connection string.
        name: `application_name`, seen in pg_stat_activity.
        settings: SET statements for this session; left out behind a pooler.

    Raises:
        DatabaseUnreachable: no connection could be made.
    """
    try:
        connection = await AsyncConnection.connect(url, prepare_threshold=2, **connection_settings(url, name))
    except psycopg.OperationalError as error:
        raise unreachable(url, error) from None
    try:
        pooled = await _behind_pooler(connection)
        if pooled:
            connection.prepare_threshold = None
        elif settings:
            await connection.execute(settings)
    except BaseException:  # whoever stopped waiting has no connection to close
        await connection.close()
        raise
    return Session(connection, pooled)


def open_blocking(url: str, name: str) -> Connection:
    """A synchronous connection in autocommit mode, for commands and for the heartbeat's thread.

    Raises:
        DatabaseUnreachable: no connection could be made.
    """
    try:
        return Connection.connect(url, prepare_threshold=None, **connection_settings(url, name))
    except psycopg.OperationalError as error:
        raise unreachable(url, error) from None


def unreachable(url: str, error: Exception) -> DatabaseUnreachable:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DatabaseUnreachable(f"cannot reach the database at {hide_password(url)}: {reason}")


def _invalid(url: str) -> DatabaseUnreachable:
    # What libpq says of it quotes parts of it, perhaps of the password.
    return DatabaseUnreachable(
        f"cannot reach the database: {hide_password(url)} is no connection string; it looks like "
        "postgresql://user:password@host/database, and what is special in a password is percent-encoded"
    )


async def _behind_pooler(connection: AsyncConnection) -> bool:
    cursor = await connection.execute("select pg_backend_pid()")
    row = await cursor.fetchone()
    return row is None or row[0] != connection.info.backend_pid
