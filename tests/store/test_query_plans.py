"""Every hot statement goes by the index that was made for it, whatever the statistics say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.sql import SQL, Literal

from pgconductor.build.sql import QueueSql
from pgconductor.plan.model import Plan
from pgconductor.store.apply import apply
from pgconductor.store.session import WORKER_SETTINGS
from pgconductor.store.statements import statement
from tests.database import clone
from tests.plans import SCHEMA

ROWS = 12_000
HELD = 4_000


class Scan(NamedTuple):
    table: str
    index: str | None
    rows: float  # read, by EXPLAIN ANALYZE


@pytest.fixture(scope="module", params=["analyzed", "never analyzed"])
def connection(server: str, plan: Plan, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A database with many rows in every state, set up as a worker's connections are."""
    with clone(server) as dsn:
        apply(dsn, plan)
        with psycopg.connect(dsn, autocommit=True) as found:
            for table in ("ready_default", "scheduled_default", "running_default"):
                found.execute(f"alter table {SCHEMA}.{table} set (autovacuum_enabled = false)")
            _fill(found)
            if request.param == "analyzed":
                found.execute("vacuum analyze")
            found.execute(WORKER_SETTINGS)
            yield found


def _fill(connection: psycopg.Connection[Any]) -> None:
    _insert(connection, "ready", ROWS)
    _insert(connection, "scheduled", ROWS, due="1 day")
    _insert(connection, "running", HELD, ", worker, lease, started_at", ", n % 50, 1, clock_timestamp()")
    connection.execute(
        f"insert into {SCHEMA}.workers (process, queue, host, pid, plan, concurrency, lease, started_at, heartbeat_at,"
        " expires_at) select gen_random_uuid(), 'default', '', 1, '', 1, '1 day', now(), now(), now() + '1 day'"
        " from generate_series(1, 50)"
    )


def _insert(
    connection: psycopg.Connection[Any], table: str, count: int, columns: str = "", values: str = "", due: str = "0"
) -> None:
    connection.execute(
        f"insert into {SCHEMA}.{table} (id, run_at, created_at, version, queue, task, payload, priority{columns})"
        f" select {SCHEMA}.uuid7(), clock_timestamp() + '{due}', clock_timestamp(), 1, 'default',"
        f" case n % 2 when 0 then 'limited' else 'plain' end, '{{}}', n % 5{values}"
        f" from generate_series(1, {count}) as n"
    )


def scans(connection: psycopg.Connection[Any], query: str, **values: Any) -> list[Scan]:
    """Which tables a statement reads, and by which index, when it is prepared and planned for no value."""
    with prepared(connection, query, values) as explain:
        return explain()


@contextmanager
def prepared(
    connection: psycopg.Connection[Any], query: str, values: dict[str, Any]
) -> Iterator[Callable[[], list[Scan]]]:
    """A prepared statement: each call executes it, undoes what it did, and says which tables it read."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    text = re.sub(r"%\((\w+)\)s", lambda match: f"${names.index(match[1]) + 1}", query).replace("%%", "%")
    arguments = SQL(", ").join(Literal(values[name]) for name in names)
    execute = SQL("execute probe ({})").format(arguments) if names else SQL("execute probe")
    statement = SQL("explain (analyze, buffers, format json) {}").format(execute)

    def explain() -> list[Scan]:
        with connection.transaction(force_rollback=True):
            ((plan,),) = connection.execute(statement).fetchall()
        return sorted(_scans(plan[0]["Plan"]), key=str)

    connection.execute(f"prepare probe as {text}")  # type: ignore[arg-type]
    yield explain
    connection.execute("deallocate probe")


def _scans(node: dict[str, Any]) -> Iterator[Scan]:
    kind = node["Node Type"]
    if kind in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"):
        read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        yield Scan(node["Relation Name"], node.get("Index Name"), read)
    for child in node.get("Plans", ()):
        yield from _scans(child)


def engine_tables(found: list[Scan]) -> dict[str, set[str | None]]:
    """Of the tables that hold many rows: the indexes they were read by."""
    return {
        scan.table: {other.index for other in found if other.table == scan.table}
        for scan in found
        if scan.table.startswith(("ready_", "scheduled_", "running_", "finished_"))
    }


FROM_START = {"floor_rank": -1000, "floor_run_at": "-infinity", "floor_id": "00000000-0000-0000-0000-000000000000"}
CLAIM = {"worker": 1, "lease": 1, "limit": 10, **FROM_START}


def test_a_claim_goes_by_the_index_of_the_open_lane(connection: psycopg.Connection[Any], plan: Plan) -> None:
    lane = plan.queues["default"].lanes[0]
    found = scans(connection, lane.claim, **CLAIM)
    assert engine_tables(found) == {"ready_default": {lane.index.name}}
    assert read_of(found, "ready_default") <= 11


def test_a_claim_with_a_floor_starts_there(connection: psycopg.Connection[Any], plan: Plan) -> None:
    lane = plan.queues["default"].lanes[0]
    floor = {"floor_rank": -2, "floor_run_at": "-infinity", "floor_id": FROM_START["floor_id"]}
    found = scans(connection, lane.claim, **{**CLAIM, **floor})
    assert engine_tables(found) == {"ready_default": {lane.index.name}}
    assert read_of(found, "ready_default") <= 11


def test_a_claim_of_a_limited_task_goes_by_its_own_index_and_its_slots(
    connection: psycopg.Connection[Any], plan: Plan
) -> None:
    lane = plan.queues["default"].lanes[1]
    found = scans(connection, lane.claim, **{**CLAIM, "lane_limit": 2})
    indexes = {"ready_default": {lane.index.name}, "running_default": {"slot_running_default"}}
    assert engine_tables(found) == indexes
    assert read_of(found, "ready_default") <= 3
    assert read_of(found, "running_default") <= 2


def test_a_saturated_lane_reads_no_ready_row(connection: psycopg.Connection[Any], plan: Plan) -> None:
    lane = plan.queues["default"].lanes[1]
    with connection.transaction(force_rollback=True):
        connection.execute(
            f"update {SCHEMA}.running_default as r set slot = s.n from (select id, row_number() over () as n"
            f" from {SCHEMA}.running_default where task = 'limited' limit 2) as s where s.id = r.id"
        )
        found = scans(connection, lane.claim, **{**CLAIM, "lane_limit": 2})
    assert read_of(found, "ready_default") == 0
    assert read_of(found, "running_default") <= 6


@pytest.mark.parametrize("reason", ["paused", "lapsed", "no handlers"])
def test_a_claim_that_may_not_take_anything_reads_no_ready_row(
    connection: psycopg.Connection[Any], plan: Plan, reason: str
) -> None:
    queue = plan.queues["default"]
    with connection.transaction(force_rollback=True):
        if reason == "paused":
            connection.execute(f"update {SCHEMA}.queues set paused = true")
        elif reason == "lapsed":
            connection.execute(f"update {SCHEMA}.workers set expires_at = '-infinity'")
        claim = queue.lanes[0].claim if reason != "no handlers" else _claim_of_nobody()
        assert read_of(scans(connection, claim, **CLAIM), "ready_default") == 0


def _claim_of_nobody() -> str:
    return QueueSql(SCHEMA, "default", []).lanes()[0].claim


def test_a_look_goes_by_the_indexes(connection: psycopg.Connection[Any], plan: Plan) -> None:
    queue = plan.queues["default"]
    found = scans(connection, queue.poll, limit=1000)
    indexes = engine_tables(found)
    assert indexes["scheduled_default"] == {"due_scheduled_default"}
    assert indexes["ready_default"] == {lane.index.name for lane in queue.lanes}
    assert read_of(found, "ready_default") <= 4
    assert read_of(found, "scheduled_default") <= 3


SETTLE = {
    "discard": {"traced": []},
    "finish": {"states": ["completed"] * 20, "results": [None] * 20, "errors": [None] * 20},
    "reschedule": {"delays": [1000] * 20, "errors": ["{}"] * 20},
    "release": {},
}


@pytest.mark.parametrize("verb", SETTLE)
def test_settling_goes_by_id(connection: psycopg.Connection[Any], verb: str) -> None:
    ids = [row[0] for row in connection.execute(f"select id from {SCHEMA}.running_default where worker = 7 limit 20")]
    values = {"ids": ids, "leases": [1] * 20, "worker": 7, **SETTLE[verb]}
    found = scans(connection, statement(verb, SCHEMA, "default"), **values)
    assert engine_tables(found) == {"running_default": {"id_running_default"}}
    assert read_of(found, "running_default") == 20


@pytest.mark.parametrize("verb", SETTLE)
def test_settling_goes_by_id_though_it_was_planned_while_the_table_was_small(dsn: str, verb: str) -> None:
    """Plans are kept. One that walked the whole index and compared every row took 500 ms for a batch of 500."""
    held = ", worker, lease, started_at", ", 7, 1, clock_timestamp()"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"alter table {SCHEMA}.running_default set (autovacuum_enabled = false)")
        connection.execute(f"vacuum analyze {SCHEMA}.running_default")
        _insert(connection, "running", 20, *held)
        ids = [row[0] for row in connection.execute(f"select id from {SCHEMA}.running_default")]
        connection.execute(WORKER_SETTINGS)
        values = {"ids": ids, "leases": [1] * 20, "worker": 7, **SETTLE[verb]}
        with prepared(connection, statement(verb, SCHEMA, "default"), values) as explain:
            explain()
            _insert(connection, "running", HELD, *held)
            assert read_of(explain(), "running_default") == 20


def test_what_ended_and_is_not_kept_is_fenced_by_a_hash(connection: psycopg.Connection[Any]) -> None:
    """Comparing 500 outcomes with 500 rows one by one would be 250,000 comparisons a batch."""
    values = {"ids": [], "leases": [], "worker": 7, "traced": []}
    with prepared(connection, statement("discard", SCHEMA, "default"), values):
        plan = connection.execute("explain execute probe ('{}', '{}', 7, '{}')").fetchall()
    (fence,) = [line for (line,) in plan if "Filter" in line and "worker = " in line]
    assert "hashed SubPlan" in fence


@pytest.mark.parametrize(("verb", "known"), [("find_lost", "ids"), ("release_strays", "known")])
def test_comparing_what_is_held_goes_by_id_or_reads_the_table_once(
    connection: psycopg.Connection[Any], verb: str, known: str
) -> None:
    ids = [row[0] for row in connection.execute(f"select id from {SCHEMA}.running_default where worker = 7 limit 20")]
    found = scans(connection, statement(verb, SCHEMA, "default"), **{"worker": 7, known: ids, "leases": [1] * len(ids)})
    assert engine_tables(found)["running_default"] == {"id_running_default"}
    assert read_of(found, "running_default") <= (len(ids) if verb == "find_lost" else HELD + len(ids) + HELD / 50)


def test_locking_a_mixed_batch_goes_by_id(connection: psycopg.Connection[Any]) -> None:
    ids = [row[0] for row in connection.execute(f"select id from {SCHEMA}.running_default where worker = 7 limit 20")]
    found = scans(connection, statement("lock_running", SCHEMA, "default"), ids=ids, worker=7)
    assert engine_tables(found) == {"running_default": {"id_running_default"}}
    assert read_of(found, "running_default") == 20


def test_asking_what_should_stop_reads_only_that(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(
            f"update {SCHEMA}.running_default set cancel_reason = '' where worker = 7 and task = 'plain'"
        )
        found = scans(connection, statement("find_stopping", SCHEMA, "default"), worker=7)
        assert engine_tables(found) == {"running_default": {"stopping_running_default"}}
        assert 0 < read_of(found, "running_default") <= HELD / 50


def test_a_beat_and_idleness_go_by_their_keys(connection: psycopg.Connection[Any]) -> None:
    beat = scans(connection, statement("beat", SCHEMA), process="00000000-0000-0000-0000-000000000000")
    assert {(scan.table, scan.index) for scan in beat} == {("workers", "process_workers"), ("workers", "workers_pkey")}
    idle = scans(connection, statement("set_idle", SCHEMA), worker=1, idle=True)
    assert [(scan.table, scan.index) for scan in idle] == [("workers", "workers_pkey")]


def read_of(found: list[Scan], table: str) -> float:
    return sum(scan.rows for scan in found if scan.table == table)
