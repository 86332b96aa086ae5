"""The way to the server: how long it is, whose clock is at the other end, and what stands in between."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterator

from psycopg import sql

from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.endpoint import Endpoint
from pgconductor.store.health.finding import Finding
from pgconductor.store.query import AnyConnection
from pgconductor.store.session import open_blocking

ROUNDS = 9
SLOW = 0.010
SKEW = 2.0
HEARD_WITHIN = 3.0


def examine(connection: AnyConnection, endpoint: Endpoint) -> Iterator[Finding]:
    yield latency(_round_trip(connection))
    yield clock(_skew(connection))
    yield from _listen(connection, endpoint)


def latency(seconds: float) -> Finding:
    summary = f"{1000 * seconds:.1f} ms for the simplest statement"
    if seconds > SLOW:
        advice = "every claim and every settle waits so long: run the workers near the database"
        return Finding("latency", "warning", summary, advice)
    return Finding("latency", "ok", summary)


def clock(skew: float) -> Finding:
    """Args: skew: seconds by which this machine's clock is ahead of the server's."""
    if abs(skew) > SKEW:
        return Finding(
            "clock",
            "warning",
            f"this machine is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the server",
            "synchronise both (NTP): schedules follow the server's clock, logs and your own timestamps this one",
        )
    return Finding("clock", "ok", f"within {max(abs(skew), 0.1):.1f} s of the server's")


def is_pooled(connection: AnyConnection) -> bool:
    """A pooler makes up the backend's pid."""
    row = connection.execute("select pg_backend_pid()").fetchone()
    return row is None or row[0] != connection.info.backend_pid


def _round_trip(connection: AnyConnection) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        connection.execute("select 1").fetchone()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _skew(connection: AnyConnection) -> float:
    before = time.time()
    row = connection.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
    assert row is not None
    return (before + time.time()) / 2 - float(row[0])


def _listen(connection: AnyConnection, endpoint: Endpoint) -> Iterator[Finding]:
    pooled = is_pooled(connection)
    if pooled and endpoint.listen_url is None:
        yield Finding(
            "pooler",
            "note",
            "there is a pooler on the way: no LISTEN through it, so workers poll every poll_interval",
            "to be woken at once, give [database] a listen_url that goes past it",
        )
        return
    yield Finding("pooler", "ok", "on the way, and a listen_url beside it" if pooled else "none")
    try:
        with open_blocking(endpoint.listen_url or endpoint.url, "pgconductor doctor") as listener:
            yield _heard(connection, listener)
    except DatabaseUnreachable as error:
        yield Finding("LISTEN", "error", str(error), "let [database] listen_url name the server itself")


def _heard(connection: AnyConnection, listener: AnyConnection) -> Finding:
    if is_pooled(listener):
        return Finding(
            "LISTEN",
            "error",
            "listen_url goes through a pooler too, and there is no LISTEN through one",
            "let [database] listen_url name the server itself",
        )
    channel = f"pgconductor_doctor_{secrets.token_hex(4)}"
    listener.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
    started = time.perf_counter()
    connection.execute("select pg_notify(%s, '')", (channel,))
    for _ in listener.notifies(timeout=HEARD_WITHIN, stop_after=1):
        return Finding("LISTEN", "ok", f"heard after {1000 * (time.perf_counter() - started):.1f} ms")
    return Finding(
        "LISTEN",
        "error",
        f"a notification was not heard within {HEARD_WITHIN:g} s",
        "url and listen_url must name the same database of the same server",
    )
