"""Verdicts on figures that no test can bring about in a moment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from pgconductor.store.depth import Depth, QueueDepth
from pgconductor.store.health import link, server, storage, work
from pgconductor.store.health.finding import Finding
from pgconductor.store.rates import Rates
from pgconductor.store.status import Status
from tests.plans import make_plan, task

PLAN = make_plan(task("plain"), task("elsewhere", queue="other"), queues={"other": {"processes": 3}})
NEEDED = 3 * 3 + 2 * (1 + 3)


def verdicts(found: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.check, finding.severity) for finding in found if finding.severity != "ok"]


def facts(**changes: object) -> server.Server:
    usual = server.Server("18.1", 18, standby=False, room=100, used=10, off=[], oldest_transaction=1000)
    return usual._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"major": 13}, [("server", "error")]),
        ({"standby": True}, [("server", "error")]),
        ({"used": 91}, [("connections", "error")]),
        ({"room": 1000, "used": 950}, [("connections", "warning")]),
        ({"used": 100 - NEEDED}, []),
        ({"used": 101 - NEEDED}, [("connections", "error")]),
        ({"off": ["autovacuum"]}, [("settings", "error")]),
        ({"oldest_transaction": 1_500_000_000}, [("wraparound", "error")]),
    ],
)
def test_the_server(changes: dict[str, object], found: list[tuple[str, str]]) -> None:
    assert verdicts(server.examine(facts(**changes), PLAN)) == found


def test_the_connections_of_a_run_are_those_of_its_processes_and_their_queues() -> None:
    assert server.connections_of_a_run(PLAN) == NEEDED


@pytest.mark.parametrize(("seconds", "severity"), [(0.001, "ok"), (0.05, "warning")])
def test_latency(seconds: float, severity: str) -> None:
    assert link.latency(seconds).severity == severity


@pytest.mark.parametrize(("skew", "severity"), [(0.3, "ok"), (-1.9, "ok"), (5.0, "warning"), (-5.0, "warning")])
def test_clock(skew: float, severity: str) -> None:
    assert link.clock(skew).severity == severity


@pytest.mark.parametrize(
    ("live", "dead", "index_mb", "count"),
    [
        (0, 0, 0, 0),
        (0, 99_000, 1, 0),
        (10, 500_000, 1, 1),
        (1_000_000, 500_000, 200, 0),  # vacuum will be there in time
        (1_000, 0, 200, 1),
        (1_000, 500_000, 200, 2),
    ],
)
def test_bloat(live: int, dead: int, index_mb: int, count: int) -> None:
    table = storage.Table("ready_mail", live, dead, 0, index_mb * 2**20, None)
    assert verdicts(storage.bloat([table], "pgconductor")) == [("bloat", "warning")] * count


def test_a_replication_slot_that_nobody_reads() -> None:
    (found,) = storage.snapshots([storage.Holder("replication slot", "old", "physical", None, True)], hidden=0)
    assert found.severity == "warning"
    assert found.advice == "reconnect its reader, or: select pg_drop_replication_slot('old');"


@pytest.mark.parametrize(
    ("ago", "tomorrow", "alive", "severity"),
    [
        (3.0, True, True, "ok"),
        (3000.0, True, True, "error"),
        (None, True, True, "error"),
        (3000.0, True, False, "ok"),
        (3.0, False, True, "error"),
        (None, False, False, "warning"),
    ],
)
def test_upkeep(ago: float | None, tomorrow: bool, alive: bool, severity: str) -> None:
    assert work.upkeep(ago, tomorrow, alive=alive, schema="pgconductor").severity == severity


@pytest.mark.parametrize("paused", [True, False])
def test_a_count_that_was_estimated_says_so(paused: bool) -> None:
    queue = QueueDepth("mail", paused, False, (Depth("send", ready=1_011_827),), None, None)
    (finding,) = work.queues(Status(datetime.now(UTC), (queue,), Rates(), ()))
    assert "about 1,011,827" in finding.summary
