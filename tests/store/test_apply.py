"""Apply: a database comes to match a plan, whoever else is at it; and nothing is lost that nobody gave away."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from pgconductor.errors import DatabaseError, DatabaseUnreachable, DestructiveChange, SchemaMismatch
from pgconductor.plan.model import Migration, Plan
from pgconductor.store.apply import apply, diff, pending
from tests.observer import Observer
from tests.plans import SCHEMA, make_plan, task
from tests.store.catalogue import catalogue
from tests.store.hand import hand

ROOT = Path(__file__).parents[2]


@pytest.fixture
def observer(database: str) -> Iterator[Observer]:
    with Observer(database) as found:
        yield found


def summaries(url: str, plan: Plan, **options: bool) -> list[str]:
    return [change.summary for change in apply(url, plan, **options).changes]


def everything(observer: Observer) -> Any:
    return catalogue(observer.connection), observer.snapshot()


class TestConvergence:
    """Any number of starters, any number of times."""

    def test_eight_processes_racing_on_an_empty_database_converge(
        self, database: str, server: str, tmp_path: Path
    ) -> None:
        plan = make_plan(task("plain"), task("limited", limit=2), task("other", queue="other"))
        path = tmp_path / "plan.json"
        path.write_text(plan.to_json())
        command = [sys.executable, "-W", "error", "-m", "tests.store.racer", database, str(path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        racers = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(8)]  # type: ignore[call-overload]
        for racer in racers:
            assert racer.stdout.readline() == "ready\n", racer.stderr.read()
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        said = [racer.communicate(timeout=60) for racer in racers]
        assert [racer.returncode for racer in racers] == [0] * 8, said
        assert sorted(int(out) > 0 for out, _ in said) == [False] * 7 + [True]
        with psycopg.connect(database) as connection:
            found = catalogue(connection)
            assert connection.execute(f"select number from {SCHEMA}.migrations order by 1").fetchall() == [
                (migration.number,) for migration in plan.migrations
            ]
        apply_alone = make_plan(*plan.tasks.values(), schema_name="alone")
        apply(database, apply_alone)
        with psycopg.connect(database) as connection:
            assert catalogue(connection, "alone") == found

    def test_twice_is_the_same_as_once(self, database: str, observer: Observer) -> None:
        plan = make_plan(task("plain"), task("limited", limit=2))
        assert summaries(database, plan) != []
        before = everything(observer)
        assert summaries(database, plan) == []
        assert everything(observer) == before

    def test_diff_says_what_apply_would_do_and_writes_nothing(self, database: str, observer: Observer) -> None:
        plan = make_plan(task("plain"))
        said = [change.summary for change in diff(database, plan).changes]
        assert observer.value("select to_regnamespace(%s)::text", SCHEMA) is None
        assert summaries(database, plan) == said
        assert diff(database, plan).changes == ()
        assert pending(database, plan) == ()

    def test_a_failed_apply_leaves_nothing_behind(self, database: str, observer: Observer) -> None:
        plan = make_plan(task("plain"))
        broken = Migration(number=99, name="broken", sql="select 1/0")
        with pytest.raises(psycopg.errors.DivisionByZero):
            apply(database, plan.model_copy(update={"migrations": (*plan.migrations, broken)}))
        assert observer.value("select to_regnamespace(%s)::text", SCHEMA) is None
        assert summaries(database, plan) != []

    def test_an_interrupted_index_build_is_taken_up_again(self, database: str, observer: Observer) -> None:
        plan = make_plan(task("plain"))
        apply(database, plan)
        wanted = plan.queues["default"].lanes[0].index.name
        observer.run(f"drop index {SCHEMA}.{wanted}")
        assert pending(database, plan) != ()
        assert summaries(database, plan) == [
            f"create index `{wanted}` for the tasks without a limit of queue `default`"
        ]

    def test_an_invalid_index_is_rebuilt(self, database: str, observer: Observer) -> None:
        plan = make_plan(task("plain"))
        apply(database, plan)
        before = catalogue(observer.connection)
        wanted = plan.queues["default"].lanes[0].index.name
        observer.run(f"update pg_index set indisvalid = false where indexrelid = '{SCHEMA}.{wanted}'::regclass")
        assert len(summaries(database, plan)) == 1
        valid = observer.value(f"select indisvalid from pg_index where indexrelid = '{SCHEMA}.{wanted}'::regclass")
        assert (valid, catalogue(observer.connection)) == (True, before)

    def test_a_lock_that_is_not_to_be_had_is_said_and_nothing_changes(self, database: str, observer: Observer) -> None:
        apply(database, make_plan(task("plain")))
        changed = make_plan(task("plain", priority=5), task("more", queue="more"), database={"lock_timeout_ms": 100})
        before = everything(observer)
        with psycopg.connect(database) as other:
            other.execute(f"lock table {SCHEMA}.ready in share update exclusive mode")
            with pytest.raises(DatabaseError, match="lock_timeout"):
                apply(database, changed)
        assert everything(observer) == before

    def test_an_unreachable_database_is_said(self) -> None:
        with pytest.raises(DatabaseUnreachable, match="cannot reach the database at"):
            apply("postgresql://nobody@127.0.0.1:1/nowhere", make_plan(task("plain")))


class TestRefusals:
    """What apply does not touch."""

    def test_another_applications_schema_is_refused(self, database: str, observer: Observer) -> None:
        apply(database, make_plan(task("plain")))
        before = everything(observer)
        for verb in (apply, diff, pending):
            with pytest.raises(SchemaMismatch, match="belongs to the application `app`, this one is `shop`"):
                verb(database, make_plan(task("plain"), name="shop"))
        assert everything(observer) == before

    @pytest.mark.parametrize("table", ["queues (mine text)", "migrations (mine text)", "migrations (number int)"])
    def test_a_schema_with_tables_of_somebody_else_is_refused_unchanged(self, database: str, table: str) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(f"create schema {SCHEMA}")
            connection.execute(f"create table {SCHEMA}.{table}")
            with pytest.raises(SchemaMismatch, match=r"not its own .* set another `schema`"):
                apply(database, make_plan(task("plain")))
            found = connection.execute("select relname from pg_class where relnamespace = %s::regnamespace", (SCHEMA,))
            assert found.fetchall() == [(table.partition(" ")[0],)]

    def test_two_applications_share_a_database_in_two_schemas(self, database: str, observer: Observer) -> None:
        apply(database, make_plan(task("plain")))
        apply(database, make_plan(task("plain"), name="shop", schema_name="shop"))
        with Observer(database, "shop") as shop:
            shop.one("plain")
            assert (shop.counts(), observer.counts()) == ({"ready": 1}, {})

    def test_a_newer_schema_is_refused_with_what_to_run(self, database: str, observer: Observer) -> None:
        plan = make_plan(task("plain"))
        newer = Migration(number=99, name="later", sql=f"create table {SCHEMA}.later ()")
        apply(database, plan.model_copy(update={"migrations": (*plan.migrations, newer)}))
        before = everything(observer)
        with pytest.raises(
            SchemaMismatch, match=r"is at migration 99, this plan knows \d+; upgrade pgconductor"
        ) as error:
            apply(database, plan)
        assert "pgconductor generate" in str(error.value)
        assert everything(observer) == before

    def test_dropping_a_queue_that_holds_rows_is_refused_and_nothing_is_written(
        self, database: str, observer: Observer
    ) -> None:
        apply(database, make_plan(task("plain"), task("legacy", queue="legacy")))
        observer.enqueue("legacy", queue="legacy", count=2)
        observer.enqueue("legacy", queue="legacy", delay_ms=60_000)
        before = everything(observer)
        changed = make_plan(task("plain", priority=7), task("added", queue="added"))
        for verb in (apply, diff):
            with pytest.raises(DestructiveChange) as error:
                verb(database, changed)
            assert "queue `legacy` holds 2 ready, 1 scheduled" in str(error.value)
            assert "[[removed]]" in str(error.value)
        assert error.value.exit_code == 5
        assert everything(observer) == before

    def test_run_never_takes_anything_away(self, database: str, observer: Observer) -> None:
        apply(database, make_plan(task("plain"), task("legacy", queue="legacy"), task("limited", limit=2)))
        before = catalogue(observer.connection)
        assert summaries(database, make_plan(task("plain"), task("limited", limit=2)), remove=False) == []
        assert catalogue(observer.connection) == before

    def test_unknown_objects_are_never_dropped(self, database: str, observer: Observer) -> None:
        apply(database, make_plan(task("plain"), task("limited", limit=2)))
        observer.connection.execute(
            f"create table {SCHEMA}.mine (id int); create index lane_mine_12345678 on {SCHEMA}.mine (id);"
            f"create index lane_default on {SCHEMA}.ready_default (version);"
            f"create view {SCHEMA}.my_view as select 1 as one"
        )
        apply(database, make_plan(task("plain")))
        for name in ("mine", "lane_mine_12345678", "lane_default", "my_view"):
            assert observer.value("select to_regclass(%s)::text", f"{SCHEMA}.{name}") is not None

    def test_a_paused_queue_stays_paused(self, database: str, observer: Observer) -> None:
        apply(database, make_plan(task("plain")))
        observer.run("update {}.queues set paused = true")
        apply(database, make_plan(task("plain", limit=1, priority=3), queues={"default": {"paused_on_create": False}}))
        assert observer.value("select paused from {}.queues where name = 'default'") is True

    def test_a_queue_may_begin_paused(self, database: str, observer: Observer) -> None:
        plan = make_plan(task("plain"), queues={"default": {"paused_on_create": True}})
        assert "create queue `default` (paused)" in summaries(database, plan)
        assert observer.value("select paused from {}.queues") is True


class TestRemovedQueues:
    """`[[removed]]`: what becomes of the executions of a queue that is no more."""

    @pytest.fixture
    def ids(self, database: str, observer: Observer) -> list[UUID]:
        apply(database, make_plan(task("plain"), task("legacy", queue="legacy")))
        ready = observer.enqueue("legacy", queue="legacy", count=2)
        return [*ready, *observer.enqueue("legacy", queue="legacy", delay_ms=60_000)]

    def removing(self, **fate: str | None) -> Plan:
        removed = {"queue": "legacy", "pending": None, "move_to": None, **fate}
        return make_plan(task("plain"), task("legacy"), removed=(removed,))

    def is_there(self, observer: Observer) -> bool:
        return observer.value("select to_regclass(%s)::text", f"{SCHEMA}.ready_legacy") is not None

    def test_an_empty_queue_goes_without_a_word(self, database: str, observer: Observer, ids: list[UUID]) -> None:
        observer.run("delete from {}.ready")
        observer.run("delete from {}.scheduled")
        assert summaries(database, make_plan(task("plain"), task("legacy"))) == [
            "update task `legacy` (queue)",
            "drop queue `legacy`",
        ]
        assert not self.is_there(observer)
        assert observer.value("select count(*) from {}.queues where name = 'legacy'") == 0

    def test_cancel_ends_them(self, database: str, observer: Observer, ids: list[UUID]) -> None:
        assert summaries(database, self.removing(pending="cancel"))[-1] == (
            "drop queue `legacy` (cancelling its 2 ready, 1 scheduled)"
        )
        assert [observer.state(id) for id in ids] == ["cancelled"] * 3
        assert observer.error(ids[0])["message"] == "queue `legacy` was removed"
        assert not self.is_there(observer)

    def test_move_to_takes_them_over(self, database: str, observer: Observer, ids: list[UUID]) -> None:
        assert summaries(database, self.removing(move_to="default"))[-1] == (
            "drop queue `legacy` (moving to `default` its 2 ready, 1 scheduled)"
        )
        assert [(observer.state(id), observer.row(id)["queue"]) for id in ids] == [
            ("ready", "default"), ("ready", "default"), ("scheduled", "default"),
        ]  # fmt: skip
        assert not self.is_there(observer)
        observer.assert_one_row_each(ids)

    def test_drain_keeps_the_queue_until_it_is_empty(self, database: str, observer: Observer, ids: list[UUID]) -> None:
        plan = self.removing(pending="drain")
        found = apply(database, plan)
        assert [kept.summary for kept in found.kept] == [
            "queue `legacy` is kept until it is drained: 2 ready, 1 scheduled"
        ]
        observer.assert_one_row_each(ids)
        for id in ids:
            observer.cancel(id)
        assert summaries(database, plan) == ["drop queue `legacy`"]
        assert not self.is_there(observer)

    async def test_running_executions_keep_the_queue(self, database: str, observer: Observer, ids: list[UUID]) -> None:
        old = make_plan(task("plain"), task("legacy", queue="legacy"))
        async with hand(database, old, "legacy") as worker:
            await worker.take(1)
            found = apply(database, self.removing(pending="cancel"))
            assert [kept.summary for kept in found.kept] == [
                "queue `legacy` is kept: 1 workers of another plan still serve it"
            ]
            worker.registry.deregister()
        found = apply(database, self.removing(pending="cancel"))
        assert [kept.summary for kept in found.kept] == [
            "queue `legacy` is kept until its 1 running executions are rescued or end"
        ]
        assert observer.counts() == {"ready": 1, "scheduled": 1, "running": 1}
        observer.rescue()
        apply(database, self.removing(pending="cancel"))
        assert observer.counts() == {"cancelled": 3}

    @pytest.mark.parametrize(
        ("fate", "ends"),
        [
            ({"pending": "cancel"}, ("cancelled", "legacy")),
            ({"move_to": "default"}, ("ready", "default")),
            ({"pending": "drain"}, ("ready", "legacy")),
            ({}, ("ready", "legacy")),
        ],
        ids=["cancel", "move", "drain", "nothing said"],
    )
    def test_an_enqueue_that_is_committing_meanwhile_is_not_lost(
        self, database: str, observer: Observer, fate: dict[str, str], ends: tuple[str, str]
    ) -> None:
        """An old client's transaction, open while apply looks and committed before the queue is gone."""
        apply(database, make_plan(task("plain"), task("legacy", queue="legacy")))
        failed: list[BaseException] = []

        def remove() -> None:
            try:
                apply(database, self.removing(**fate) if fate else make_plan(task("plain")))
            except DatabaseError as error:
                failed.append(error)

        with Observer(database) as client:
            client.connection.execute("begin")
            id = client.one("legacy", queue="legacy")
            removing = threading.Thread(target=remove)
            removing.start()
            observer.wait_until(lambda: bool(observer.value(WAITING)))
            client.connection.execute("commit")
            removing.join(10)
        assert (observer.state(id), observer.row(id)["queue"]) == ends
        refused = ["queue `legacy` was given executions meanwhile; nothing was changed, apply again"]
        assert [str(error) for error in failed] == (refused if ends == ("ready", "legacy") else [])


WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


class TestTasksOnAnotherQueue:
    """A task that changes its queue takes its executions along: on the old one nobody would claim them."""

    def test_what_waits_follows_its_task(self, database: str, observer: Observer) -> None:
        old, new = (make_plan(task("plain", queue=queue), task("stays")) for queue in ("default", "other"))
        apply(database, old)
        ids = [observer.one("plain"), observer.one("plain", delay_ms=60_000)]
        stays = observer.one("stays")
        assert [change.summary for change in diff(database, new).changes][-1] == (
            "move 2 executions of task `plain` from queue `default` to `other`"
        )
        apply(database, new)
        assert [observer.row(id)["queue"] for id in ids] == ["other", "other"]
        assert observer.row(stays)["queue"] == "default"
        observer.assert_one_row_each([*ids, stays])
        assert summaries(database, new) == []

    async def test_what_ran_on_the_old_queue_follows_with_the_next_apply(
        self, database: str, observer: Observer
    ) -> None:
        """A worker of the old plan gives its execution back after the first."""
        old, new = (make_plan(task("plain", queue=queue), task("stays")) for queue in ("default", "other"))
        apply(database, old)
        id = observer.one("plain")
        async with hand(database, old) as worker:
            await worker.take()
            apply(database, new)
            await worker.settle(worker.released(id))
        assert observer.row(id)["queue"] == "default"
        assert summaries(database, new) == ["move 1 execution of task `plain` from queue `default` to `other`"]
        assert observer.row(id)["queue"] == "other"

    def test_a_starting_worker_leaves_it_to_apply(self, database: str, observer: Observer) -> None:
        """Workers of the old plan may still be there."""
        old, new = (make_plan(task("plain", queue=queue), task("stays")) for queue in ("default", "other"))
        apply(database, old)
        id = observer.one("plain")
        apply(database, new, remove=False)
        assert observer.row(id)["queue"] == "default"


class TestMovedTasks:
    """`[[moved]]`: a task with another key."""

    def moved(self, **changes: Any) -> Plan:
        return make_plan(task("stays"), task("renamed", **changes), moved=({"from_key": "plain", "to_key": "renamed"},))

    def test_what_waits_runs_under_the_new_key(self, database: str, observer: Observer) -> None:
        apply(database, make_plan(task("stays"), task("plain")))
        ids = [observer.one("plain"), observer.one("plain", delay_ms=60_000)]
        assert summaries(database, self.moved()) == [
            "register task `renamed`", "move the executions of task `plain` to `renamed`",
        ]  # fmt: skip
        assert [observer.row(id)["task"] for id in ids] == ["renamed", "renamed"]
        assert summaries(database, self.moved()) == []

    def test_it_may_move_to_another_queue(self, database: str, observer: Observer) -> None:
        apply(database, make_plan(task("plain")))
        id = observer.one("plain")
        apply(database, self.moved(queue="other"))
        assert (observer.row(id)["task"], observer.row(id)["queue"]) == ("renamed", "other")
        observer.assert_one_row_each([id])

    def test_what_old_clients_enqueue_later_follows_with_the_next_apply(
        self, database: str, observer: Observer
    ) -> None:
        apply(database, make_plan(task("stays"), task("plain")))
        apply(database, self.moved())
        id = observer.one("plain")
        assert summaries(database, self.moved()) == ["move the executions of task `plain` to `renamed`"]
        assert observer.row(id)["task"] == "renamed"

    async def test_what_ran_under_the_old_key_follows_when_it_comes_back(
        self, database: str, observer: Observer
    ) -> None:
        """A worker of the old plan gives its execution back after the move."""
        old = make_plan(task("plain"))
        apply(database, old)
        id = observer.one("plain")
        async with hand(database, old) as worker:
            await worker.take()
            apply(database, self.moved())
            await worker.settle(worker.released(id))
        apply(database, self.moved())
        assert observer.row(id)["task"] == "renamed"


class TestLaneIndexes:
    """Which tasks are limited changes by adding first: workers of the old plan run on."""

    async def test_a_new_limit_is_added_while_workers_of_the_old_plan_run(
        self, database: str, observer: Observer
    ) -> None:
        old = make_plan(task("plain"), task("busy"))
        new = make_plan(task("plain"), task("busy", limit=1))
        old_index = old.queues["default"].lanes[0].index.name
        new_indexes = {lane.index.name for lane in new.queues["default"].lanes}
        apply(database, old)
        ids = observer.enqueue("busy", count=6)
        async with hand(database, old) as running, hand(database, new) as started:
            assert await running.take(1) == ids[:1]
            assert len(summaries(database, new, remove=False)) == 2
            assert {old_index, *new_indexes} <= self.indexes(observer)
            # Both claim, each by its own index.
            assert await running.take(1) == ids[1:2]
            assert await started.take(5, "busy") == ids[2:3]
            found = apply(database, new)  # an explicit one: the old workers still live
            assert found.changes == ()
            assert old_index in self.indexes(observer)
            running.registry.deregister()
        assert f"drop index `{old_index}`: no lane uses it any more" in summaries(database, new)
        assert self.indexes(observer) & {old_index, *new_indexes} == new_indexes

    def test_building_an_index_stops_no_claim_and_no_enqueue(self, database: str, observer: Observer) -> None:
        """Concurrently: it waits for an open transaction, and meanwhile everybody works."""
        apply(database, make_plan(task("plain")))
        with psycopg.connect(database) as long:
            long.execute(
                f"insert into {SCHEMA}.ready"
                f" select {SCHEMA}.uuid7(), now(), now(), 0, 0, 1, false, 'default', 'x', '{{}}'"
            )
            building = threading.Thread(target=apply, args=(database, make_plan(task("plain", limit=2))))
            building.start()
            observer.wait_until(lambda: bool(observer.value(WAITING)))
            observer.connection.execute("set lock_timeout = '500ms'")
            observer.one("plain")
            observer.run("delete from {}.ready where task = 'plain'")
            long.rollback()
            building.join(10)
            assert not building.is_alive()

    def indexes(self, observer: Observer) -> set[str]:
        rows = observer.rows(
            "select indexname from pg_indexes where tablename = 'ready_default' and schemaname = %s", SCHEMA
        )
        return {row["indexname"] for row in rows}


class TestRegistry:
    """What SQL functions, rescue and pruning know of a task."""

    def test_the_newest_apply_wins_and_says_what_changed(self, database: str, observer: Observer) -> None:
        apply(database, make_plan(task("plain")))
        changed = task(
            "plain", priority=9, version=2, retention={"completed_ms": 1_000, "failed_ms": 0, "cancelled_ms": None}
        )
        assert "update task `plain` (version, priority, keep_completed, keep_failed)" in summaries(
            database, make_plan(changed)
        )
        (row,) = observer.rows("select * from {}.tasks")
        assert (row["priority"], row["version"], row["max_attempts"]) == (9, 2, 3)
        assert (row["keep_completed"].total_seconds(), row["keep_failed"].total_seconds(), row["keep_cancelled"]) == (
            1,
            0,
            None,
        )

    def test_a_task_that_is_gone_from_the_plan_stays_known(self, database: str, observer: Observer) -> None:
        """Workers of the old plan may still hold it, and its history keeps its retention."""
        apply(database, make_plan(task("plain"), task("gone")))
        apply(database, make_plan(task("plain")))
        assert {row["key"] for row in observer.rows("select key from {}.tasks")} == {"plain", "gone"}

    def test_identifiers_of_the_longest_names_fit_and_do_not_collide(self, database: str, observer: Observer) -> None:
        names = ["q" * 30 + "a", "q" * 30 + "b"]
        plan = make_plan(*(task(f"{name}_task"[-40:], queue=name, limit=1) for name in names))
        apply(database, plan)
        assert summaries(database, plan) == []
        for name in names:
            observer.one(f"{name}_task"[-40:], queue=name)
        assert observer.counts() == {"ready": 2}
