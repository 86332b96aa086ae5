"""`doctor`: what is wrong is found and comes with what to do; a healthy installation has nothing to see to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from syrupy.assertion import SnapshotAssertion

from pgconductor.store.health import link, storage
from tests.cli.backstage import execute, put, put_worker
from tests.cli.project import Shop
from tests.database import PrivateServer
from tests.pooler import pooled

SAFE = {"fsync": "on", "full_page_writes": "on", "max_prepared_transactions": "2"}


@pytest.fixture(scope="module")
def safe_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateServer]:
    """A server that keeps its promises; that of the other tests does not write to the disk."""
    server = PrivateServer(tmp_path_factory.mktemp("safe"), settings=SAFE)
    try:
        yield server
    finally:
        server.cluster.stop()


@pytest.fixture
def healthy(safe_server: PrivateServer, fresh: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    # A busy machine is slow, and not ill.
    monkeypatch.setattr(link, "SLOW", 60.0)
    monkeypatch.setattr(link, "HEARD_WITHIN", 60.0)
    shop = Shop(fresh.folder, safe_server.dsn)
    execute(shop, "drop schema if exists pgconductor cascade")
    shop.ask("apply")
    return shop


def findings(shop: Shop, code: int = 1) -> list[dict[str, Any]]:
    said = json.loads(shop.ask("doctor", "--json", code=code).stdout)
    assert said["ok"] is (code == 0)
    found: list[dict[str, Any]] = said["findings"]
    return found


def wrong(shop: Shop) -> list[tuple[str, str, str, str]]:
    return [
        (one["check"], one["severity"], one["summary"], one["advice"])
        for one in findings(shop)
        if one["severity"] in ("warning", "error")
    ]


def only(found: list[tuple[str, str, str, str]]) -> tuple[str, str, str, str]:
    assert len(found) == 1, found
    return found[0]


def test_all_is_well(healthy: Shop, snapshot: SnapshotAssertion) -> None:
    said = healthy.ask("doctor")
    scrubbed = re.sub(r"\d+\.\d+ ms", "N ms", re.sub(r"PostgreSQL .*", "PostgreSQL N", said.stdout))
    scrubbed = re.sub(r"\d+ of \d+ in use", "N of N in use", scrubbed)
    assert re.sub(r"within \d+\.\d s", "within N s", scrubbed) == snapshot
    assert said.stderr.endswith("\nall is well\n")
    findings(healthy, code=0)


def test_every_finding_that_is_not_well_says_what_to_do(healthy: Shop) -> None:
    execute(healthy, "drop index pgconductor.due_scheduled_slow")
    put(healthy, "ready", "nap", "slow")
    healthy.ask("queues", "pause", "default")
    said = healthy.ask("doctor", code=1)
    assert said.stderr.endswith("\n2 findings to see to\n")
    lines = said.stdout.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("note", "warning", "error")):
            assert lines[number + 1].startswith(" " * 22)
    assert all(one["advice"] for one in findings(healthy) if one["severity"] != "ok")


def test_settings_that_lose_data_are_errors(shop: Shop) -> None:
    said = [summary for check, _, summary, _ in wrong(shop) if check == "settings"]
    assert "fsync is off: a crash of the server can lose what was acknowledged, and damage the data" in said


def test_a_schema_that_lacks_something(healthy: Shop) -> None:
    execute(healthy, "drop schema pgconductor cascade")
    check, severity, summary, advice = only(wrong(healthy))
    assert (check, severity, advice) == ("schema", "error", "run `pgconductor apply`")
    assert summary.startswith("the database lacks: migrate to 0001_tables")


def test_a_missing_index_comes_with_its_definition(healthy: Shop) -> None:
    execute(healthy, "drop index pgconductor.due_scheduled_slow")
    check, severity, summary, advice = only(wrong(healthy))
    assert (check, severity, summary) == ("indexes", "error", "index `due_scheduled_slow` is missing")
    execute(healthy, advice.removeprefix("create it again: "))
    findings(healthy, code=0)


def test_an_invalid_index(healthy: Shop) -> None:
    put(healthy, "waiting", "nap", "slow", 2, since="now()")
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(healthy, "create unique index concurrently broken on pgconductor.waiting (task)")
    check, severity, summary, advice = only(wrong(healthy))
    assert (check, severity) == ("indexes", "error")
    assert summary == "index `broken` is invalid: its build was broken off"
    execute(healthy, "delete from pgconductor.waiting")
    execute(healthy, advice.partition(": ")[2])
    findings(healthy, code=0)


def test_whoever_holds_an_old_snapshot(healthy: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LONG", 0.0)
    with closing(psycopg.connect(healthy.database, application_name="reports")) as other:
        other.execute("set transaction isolation level repeatable read")
        other.execute("select count(*) from pgconductor.ready")
        check, severity, summary, advice = only(wrong(healthy))
        assert (check, severity) == ("snapshots", "warning")
        assert f"session {other.info.backend_pid} (reports of" in summary
        assert "idle in its transaction" in summary
        execute(healthy, advice.partition(": ")[2])
    findings(healthy, code=0)


def test_a_prepared_transaction_that_nobody_ends(healthy: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LONG", 0.0)
    with psycopg.connect(healthy.database, autocommit=True) as other:
        other.execute("begin")
        other.execute("create table if not exists leftover ()")
        other.execute("prepare transaction 'forgotten'")
        assert "prepared transaction forgotten" in only(wrong(healthy))[2]
        other.execute("rollback prepared 'forgotten'")
    findings(healthy, code=0)


def test_work_that_nobody_does(healthy: Shop) -> None:
    put(healthy, "ready", "nap", "slow", 3)
    assert only(wrong(healthy)) == (
        "queues", "warning", "queue `slow` has 3 ready and no worker", "start one: `pgconductor run --queue slow`"
    )  # fmt: skip
    healthy.ask("queues", "pause", "slow")
    paused = next(one for one in findings(healthy, code=0) if one["check"] == "queues")
    assert paused["summary"] == "queue `slow` is paused, 3 are ready in it"


def test_lost_workers_that_nobody_rescues(healthy: Shop) -> None:
    worker = put_worker(healthy, "slow", lease="-10 minutes")
    put(healthy, "running", "nap", "slow", worker=worker, lease=1, started_at="now()")
    check, severity, summary, _ = only(wrong(healthy))
    assert (check, severity) == ("workers", "warning")
    assert summary == f"worker {worker} (web-1, process 4711) is lost and still holds 1"


def test_live_workers_that_do_no_maintenance(healthy: Shop) -> None:
    put_worker(healthy, "slow")
    check, severity, summary, _ = only(wrong(healthy))
    assert (check, severity) == ("upkeep", "error")
    assert "none has done maintenance yet" in summary
    others = next(one for one in findings(healthy) if one["check"] == "workers")
    assert others["summary"] == "1 of 1 live workers run another plan"


def test_a_history_without_room_for_tomorrow(healthy: Shop) -> None:
    execute(
        healthy,
        "do $$ begin execute 'drop table pgconductor.finished_' || to_char(now() at time zone 'UTC' + '1 day',"
        " 'YYYYMMDD'); end $$",
    )
    check, severity, _, advice = only(wrong(healthy))
    assert (check, severity) == ("upkeep", "warning")
    execute(healthy, advice.partition("or: ")[2])
    findings(healthy, code=0)


def test_a_clock_that_a_test_left_behind(healthy: Shop) -> None:
    execute(
        healthy,
        "create or replace function pgconductor.clock() returns timestamptz language sql"
        " as $$ select clock_timestamp() + interval '100 seconds' $$",
    )
    check, severity, summary, _ = only(wrong(healthy))
    assert (check, severity) == ("clock", "error")
    assert "ahead of the server's time" in summary


def test_listening_elsewhere_than_notifying(healthy: Shop, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "HEARD_WITHIN", 0.2)
    healthy.edit("[database]\n", f'[database]\nlisten_url = "{server}"\n')
    healthy.ask("generate")
    found = {one["check"]: one for one in findings(healthy)}
    assert found["LISTEN"]["severity"] == "error"
    assert "was not heard" in found["LISTEN"]["summary"]


@pytest.fixture
def behind_a_pooler(healthy: Shop) -> Iterator[Shop]:
    with pooled(healthy.database) as dsn:
        yield Shop(healthy.folder, dsn)


def the_way(shop: Shop, code: int = 0) -> list[tuple[str, str]]:
    """What is said of the pooler and of LISTEN, and how bad it is."""
    return [(one["check"], one["severity"]) for one in findings(shop, code) if one["check"] in ("pooler", "LISTEN")]


def listen_at(shop: Shop, dsn: str) -> None:
    shop.edit("[database]\n", f'[database]\nlisten_url = "{dsn}"\n')
    shop.ask("generate")


def test_a_pooler_is_noticed_and_its_advice_is_right(behind_a_pooler: Shop, healthy: Shop) -> None:
    pooler = next(one for one in findings(behind_a_pooler, code=0) if one["check"] == "pooler")
    assert pooler["severity"] == "note"
    assert pooler["advice"] == "to be woken at once, give [database] a listen_url that goes past it"
    assert the_way(behind_a_pooler) == [("pooler", "note")]
    listen_at(behind_a_pooler, healthy.database)
    assert the_way(behind_a_pooler) == [("pooler", "ok"), ("LISTEN", "ok")]


def test_a_listen_url_that_goes_through_the_pooler_hears_nothing(behind_a_pooler: Shop, healthy: Shop) -> None:
    listen_at(behind_a_pooler, behind_a_pooler.database)
    assert the_way(behind_a_pooler, code=1) == [("pooler", "ok"), ("LISTEN", "error")]
    ((_, _, summary, advice),) = wrong(behind_a_pooler)
    assert "listen_url goes through a pooler too" in summary
    assert advice == "let [database] listen_url name the server itself"


def test_what_a_role_may_not_see_is_said(healthy: Shop) -> None:
    execute(healthy, "drop role if exists guest")
    execute(healthy, "create role guest login")
    execute(
        healthy, "grant usage on schema pgconductor to guest; grant select on all tables in schema pgconductor to guest"
    )
    guest = Shop(healthy.folder, healthy.database.replace("postgres@", "guest@"))
    with psycopg.connect(healthy.database):
        hidden = next(one for one in findings(guest, code=0) if one["check"] == "snapshots")
    assert (hidden["severity"], hidden["advice"]) == (
        "note", "grant pg_monitor to this role to have them looked at"
    )  # fmt: skip
    execute(healthy, "drop owned by guest; drop role guest")


def test_a_database_that_is_away_is_exit_code_6(shop: Shop) -> None:
    away = Shop(shop.folder, "postgresql://app@127.0.0.1:1/shop")
    assert "cannot reach the database" in away.ask("doctor", code=6).stderr
