"""The server itself: its version, its room for sessions, the settings that promises rest on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pgconductor.plan.model import Plan
from pgconductor.store.apply import OLDEST_SERVER
from pgconductor.store.health.finding import Finding
from pgconductor.store.query import AnyConnection, Query, run_blocking
from pgconductor.store.statements import statement

# Beside the claiming and the settling connection of each queue: heartbeat, maintenance, LISTEN.
CONNECTIONS_OF_A_PROCESS = 3
CONNECTIONS_OF_A_QUEUE = 2
CROWDED = 0.9
# Autovacuum freezes from 200 million on; at two billion the server stops taking writes.
OLD_TRANSACTIONS = 1_000_000_000

_CONSEQUENCES = {
    "autovacuum": "dead rows pile up, and claims slow down without end",
    "track_counts": "autovacuum does not run without it",
    "fsync": "a crash of the server can lose what was acknowledged, and damage the data",
    "full_page_writes": "a crash of the server can damage the data",
}


class Server(NamedTuple):
    """As read_server reads it."""

    version: str
    major: int
    standby: bool
    room: int
    used: int
    off: list[str]
    oldest_transaction: int


def read_server(connection: AnyConnection, schema: str) -> Server:
    return Server(*run_blocking(connection, [Query(statement("read_server", schema))])[0][0])


def examine(server: Server, plan: Plan) -> Iterator[Finding]:
    yield _version(server)
    if server.standby:
        yield Finding(
            "server", "error", "this is a standby, which takes no writes", "let [database] url name the primary"
        )
    yield _connections(server, plan)
    for setting in server.off:
        yield Finding(
            "settings",
            "error",
            f"{setting} is off: {_CONSEQUENCES[setting]}",
            f"set `{setting} = on` in postgresql.conf",
        )
    if not server.off:
        yield Finding("settings", "ok", ", ".join(_CONSEQUENCES) + " are on")
    if server.oldest_transaction > OLD_TRANSACTIONS:
        yield Finding(
            "wraparound",
            "error",
            f"the oldest unfrozen transaction is {server.oldest_transaction:,} back; at 2,000,000,000 writes stop",
            "end what holds a snapshot, and run `vacuumdb --freeze --all`",
        )


def _version(server: Server) -> Finding:
    if server.major < OLDEST_SERVER:
        return Finding(
            "server",
            "error",
            f"PostgreSQL {server.version} is too old",
            f"upgrade the server to PostgreSQL {OLDEST_SERVER} or newer",
        )
    return Finding("server", "ok", f"PostgreSQL {server.version}")


def _connections(server: Server, plan: Plan) -> Finding:
    needed, free = connections_of_a_run(plan), server.room - server.used
    summary = f"{server.used} of {server.room} in use; one `pgconductor run` opens {needed}"
    advice = "raise max_connections, or put PgBouncer before it and give [database] both url and listen_url"
    if free < needed:
        return Finding("connections", "error", summary + f", {max(free, 0)} are free", advice)
    if server.used > CROWDED * server.room:
        return Finding("connections", "warning", summary, advice)
    return Finding("connections", "ok", summary)


def connections_of_a_run(plan: Plan) -> int:
    """How many connections `pgconductor run` opens, all its processes together."""
    processes = max(queue.processes for queue in plan.queues.values())
    queues = sum(queue.processes for queue in plan.queues.values())
    return CONNECTIONS_OF_A_PROCESS * processes + CONNECTIONS_OF_A_QUEUE * queues
