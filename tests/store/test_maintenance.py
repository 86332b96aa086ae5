"""Upkeep: lapsed work is rescued, what is old goes in small batches, history has its days; one leader at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from pgconductor.store import maintenance
from pgconductor.store.apply import apply
from pgconductor.store.maintenance import Maintenance
from pgconductor.store.statements import statement
from tests.observer import Observer
from tests.plans import SCHEMA, make_plan, task
from tests.store.conftest import NewHand
from tests.store.test_cancel import wait_for_lock

DAY = 86_400


@pytest.fixture
def jobs(observer: Observer) -> Maintenance:
    return Maintenance(observer.connection, SCHEMA, uuid4())


KEPT = ("completed_ms", "failed_ms", "cancelled_ms")


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a query plan that read a table."""
    if "Relation Name" in node:
        yield node
    for child in node.get("Plans", ()):
        yield from walk(child)


def never() -> bool:
    return False


class TestRescue:
    """What lapsed workers held."""

    async def test_it_is_ready_again_and_has_cost_the_attempt(self, new_hand: NewHand, observer: Observer) -> None:
        id = observer.one("plain", {"n": 1}, priority=5)
        before = observer.row(id)
        worker = await new_hand()
        await worker.take()
        observer.expire(worker.id)
        ((rescued),) = observer.rescue()
        assert (rescued.id, rescued.task, rescued.attempts, rescued.spent) == (id, "plain", 1, False)
        row = observer.row(id)
        lost = {"type": "WorkerLost", "message": f"worker {worker.id} stopped beating during attempt 1"}
        assert row == {**before, "attempts": 1, "error": lost}

    async def test_it_fails_when_its_attempts_are_spent(self, new_hand: NewHand, observer: Observer) -> None:
        id = observer.one("plain")
        for attempt in (1, 2, 3):
            worker = await new_hand()
            assert [row[3] for row in await worker.claim()] == [attempt]
            observer.expire(worker.id)
            assert [rescued.spent for rescued in observer.rescue()] == [attempt == 3]
        assert observer.state(id) == "failed"
        assert observer.error(id)["type"] == "WorkerLost"
        assert observer.error(id)["message"].endswith("during attempt 3, the last one")

    async def test_without_a_limit_of_attempts_it_never_fails(self, new_hand: NewHand, observer: Observer) -> None:
        id = observer.one("stubborn")
        for _ in range(5):
            worker = await new_hand()
            assert await worker.take() == [id]
            observer.expire(worker.id)
            observer.rescue()
        assert (observer.state(id), observer.row(id)["attempts"]) == ("ready", 5)

    async def test_twice_is_the_same_as_once(self, new_hand: NewHand, observer: Observer) -> None:
        ids = observer.enqueue("plain", count=3)
        worker = await new_hand()
        await worker.take()
        observer.expire(worker.id)
        assert len(observer.rescue()) == 3
        before = observer.snapshot()
        assert observer.rescue() == []
        assert observer.snapshot() == before
        observer.assert_one_row_each(ids)

    async def test_two_at_once_rescue_each_execution_once(
        self, new_hand: NewHand, observer: Observer, dsn: str
    ) -> None:
        ids = observer.enqueue("plain", count=200)
        worker = await new_hand()
        await worker.take(200)
        observer.expire(worker.id)
        with Observer(dsn) as other, ThreadPoolExecutor() as threads:
            mine, theirs = threads.map(lambda one: one.rescue(), (observer, other))
        assert sorted(rescued.id for rescued in [*mine, *theirs]) == sorted(ids)
        observer.assert_one_row_each(ids)

    async def test_the_living_keep_what_they_hold(self, new_hand: NewHand, observer: Observer) -> None:
        ids = observer.enqueue("plain", count=2)
        dead, living = await new_hand(), await new_hand()
        await dead.take(1)
        await living.take(1)
        observer.expire(dead.id)
        assert [rescued.id for rescued in observer.rescue()] == ids[:1]
        assert observer.state(ids[1]) == "running"

    async def test_a_worker_that_left_lapses_at_once(self, new_hand: NewHand, observer: Observer) -> None:
        id = observer.one("plain")
        worker = await new_hand()
        await worker.take()
        worker.registry.deregister()
        assert [rescued.id for rescued in observer.rescue()] == [id]

    async def test_a_beat_in_time_saves_it(self, new_hand: NewHand, observer: Observer) -> None:
        observer.one("plain")
        worker = await new_hand()
        await worker.take()
        observer.expire(worker.id)
        worker.beat()
        assert observer.rescue() == []

    async def test_what_was_asked_to_stop_ends_cancelled(self, new_hand: NewHand, observer: Observer) -> None:
        id = observer.one("plain")
        worker = await new_hand()
        await worker.take()
        observer.cancel(id, "stop it")
        observer.expire(worker.id)
        observer.rescue()
        assert (observer.state(id), observer.error(id)["message"]) == ("cancelled", "stop it")

    async def test_idle_workers_are_told(self, new_hand: NewHand, observer: Observer, dsn: str) -> None:
        observer.one("plain")
        dead, idle = await new_hand(), await new_hand()
        await dead.take()
        await idle.claims.set_idle(True)
        observer.expire(dead.id)
        with psycopg.connect(dsn, autocommit=True) as listener:
            listener.execute(f"listen {SCHEMA}")
            observer.rescue()
            assert [notify.payload for notify in listener.notifies(timeout=5, stop_after=1)] == ["default"]


class TestBeats:
    """What a worker learns of its lease when it beats."""

    async def test_it_says_whether_the_lease_had_lapsed(self, new_hand: NewHand, observer: Observer) -> None:
        worker = await new_hand()
        assert worker.registry.beat(observer.connection) == {worker.id: False}
        observer.expire(worker.id)
        assert worker.registry.beat(observer.connection) == {worker.id: True}
        assert worker.registry.beat(observer.connection) == {worker.id: False}
        worker.registry.deregister()
        assert worker.registry.beat(observer.connection) == {}

    async def test_one_that_comes_during_a_rescue_waits_for_it_and_says_so(
        self, new_hand: NewHand, observer: Observer, dsn: str
    ) -> None:
        id = observer.one("plain")
        worker = await new_hand()
        await worker.take()
        observer.expire(worker.id)
        observer.connection.execute("begin")
        assert [rescued.id for rescued in observer.rescue()] == [id]
        with ThreadPoolExecutor() as threads, Observer(dsn) as other, Observer(dsn) as looker:
            beating = threads.submit(worker.registry.beat, other.connection)
            wait_for_lock(looker)
            assert not beating.done()
            observer.connection.execute("commit")
            assert beating.result(10) == {worker.id: True}
        assert await worker.claims.find_lost([(id.bytes, worker.lease)]) == [(id.bytes, worker.lease)]

    async def test_a_worker_that_beats_at_this_moment_is_not_rescued_from(
        self, new_hand: NewHand, observer: Observer, dsn: str
    ) -> None:
        observer.one("plain")
        worker = await new_hand()
        await worker.take()
        observer.expire(worker.id)
        with psycopg.connect(dsn) as beating:
            worker.registry.beat(beating)
            assert observer.rescue() == []
        assert observer.rescue() == []


class TestLeadership:
    """A job is done by whoever finds it due, once."""

    def test_a_job_is_taken_once_a_period(self, jobs: Maintenance, observer: Observer) -> None:
        assert jobs.due("prune", 60_000)
        assert not jobs.due("prune", 60_000)
        assert jobs.due("rescue", 60_000)
        observer.move_clock(61)
        assert jobs.due("prune", 60_000)

    def test_only_one_of_many_takes_it(self, dsn: str, observer: Observer) -> None:
        def take(_: int) -> bool:
            with Observer(dsn) as mine:
                return Maintenance(mine.connection, SCHEMA, uuid4()).due("prune", 60_000)

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(take, range(16))) == 1

    def test_whoever_is_taking_it_is_not_waited_for(self, jobs: Maintenance, dsn: str) -> None:
        with psycopg.connect(dsn) as other:
            other.execute(f"select from {SCHEMA}.maintenance where job = 'prune' for update")
            assert not jobs.due("prune", 0)


class TestPruning:
    """Retention, per task and outcome."""

    @pytest.fixture
    def observer(self, database: str) -> Iterator[Observer]:
        hours = {"completed_ms": 3_600_000, "failed_ms": 7_200_000, "cancelled_ms": 10_800_000}
        always = {"completed_ms": None, "failed_ms": None, "cancelled_ms": None}
        none = {"completed_ms": 0, "failed_ms": 0, "cancelled_ms": 0}
        apply(
            database,
            make_plan(task("hours", retention=hours), task("always", retention=always), task("none", retention=none)),
        )
        with Observer(database) as found:
            yield found

    def finish(self, observer: Observer, name: str, state: str, count: int = 1) -> list[UUID]:
        ids = observer.enqueue(name, count=count)
        observer.run(
            "with gone as (delete from {}.ready where task = %s returning *)"
            " insert into {}.finished (id, run_at, created_at, finished_at, attempts, priority, version, state, queue,"
            " task, payload) select id, run_at, created_at, {}.clock(), 1, 0, 1, %s, queue, task, payload from gone",
            name,
            state,
        )
        return ids

    @pytest.mark.parametrize(("state", "hours"), [("completed", 1), ("failed", 2), ("cancelled", 3)])
    def test_each_outcome_is_kept_as_long_as_its_task_says(
        self, jobs: Maintenance, observer: Observer, state: str, hours: int
    ) -> None:
        (id,) = self.finish(observer, "hours", state)
        (kept,) = self.finish(observer, "always", state)
        observer.move_clock(hours * 3600 - 60)
        assert jobs.prune(never) == 0
        observer.move_clock(hours * 3600 + 1)
        assert jobs.prune(never) == 1
        assert (observer.state(id), observer.state(kept)) == (None, state)
        assert jobs.prune(never) == 0

    def test_for_ever_is_for_ever(self, jobs: Maintenance, observer: Observer) -> None:
        self.finish(observer, "always", "failed")
        observer.move_clock(3650 * DAY)
        assert jobs.prune(never) == 0

    def test_nothing_is_nothing(self, jobs: Maintenance, observer: Observer) -> None:
        ids = [self.finish(observer, "none", state)[0] for state in ("completed", "failed", "cancelled")]
        assert jobs.prune(never) == 3
        assert [observer.state(id) for id in ids] == [None] * 3

    def test_it_goes_in_small_batches_and_can_be_stopped_between_them(
        self, jobs: Maintenance, observer: Observer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(maintenance, "PRUNE_BATCH", 10)
        self.finish(observer, "none", "completed", count=35)
        asked: list[int] = []

        def stopping() -> bool:
            asked.append(observer.counts().get("completed", 0))
            return len(asked) == 3

        assert jobs.prune(stopping) == 20
        assert asked == [35, 25, 15]
        assert jobs.prune(never) == 15

    def test_days_that_can_hold_nothing_old_are_not_read(self, database: str) -> None:
        apply(database, make_plan(task("hours"), task("always", retention=dict.fromkeys(KEPT))))
        with Observer(database) as observer:
            observer.move_clock(3 * DAY)
            query = statement("prune_finished", SCHEMA)
            ((plan,),) = observer.connection.execute(
                f"explain (analyze, format json) {query}", {"limit": 10}
            ).fetchall()
            read = {node["Relation Name"] for node in walk(plan[0]["Plan"]) if node["Actual Loops"]}
            today = observer.value("select 'finished_' || to_char({}.clock() at time zone 'UTC', 'YYYYMMDD')")
        history = {name for name in read if name.startswith("finished_")}
        assert history
        assert max(history) <= today

    def test_keys_whose_scope_has_ended_go(self, jobs: Maintenance, observer: Observer) -> None:
        live = observer.one("always", key="live")
        ended = observer.one("always", key="ended")
        observer.cancel(ended)
        observer.one("always", key="slot", throttle_ms=60_000)
        observer.run("update {}.keys set expires_at = {}.clock() + interval '60 s' where key = 'slot'")
        observer.move_clock(30)
        jobs.prune(never)
        assert {row["key"] for row in observer.rows("select key from {}.keys")} == {"live", "slot"}
        observer.move_clock(120)
        jobs.prune(never)
        assert [row["execution_id"] for row in observer.rows("select execution_id from {}.keys")] == [live]


async def test_workers_that_died_a_day_ago_and_hold_nothing_are_forgotten(
    new_hand: NewHand, jobs: Maintenance, observer: Observer
) -> None:
    observer.enqueue("plain", count=1)
    holder, _, living = await new_hand(), await new_hand(), await new_hand()
    await holder.take()
    observer.move_clock(DAY + 3600)
    living.beat()
    jobs.prune(never)
    assert {row["id"] for row in observer.rows("select id from {}.workers")} == {holder.id, living.id}
    observer.rescue()
    jobs.prune(never)
    assert {row["id"] for row in observer.rows("select id from {}.workers")} == {living.id}


class TestHistory:
    """Daily partitions of `finished`."""

    def partitions(self, observer: Observer) -> list[str]:
        rows = observer.rows(
            "select inhrelid::regclass::text as name from pg_inherits where inhparent = '{}.finished'::regclass"
        )
        return sorted(row["name"].rpartition("_")[2] for row in rows)

    def days(self, observer: Observer, first: int, last: int) -> list[str]:
        days = "to_char(({}.clock() at time zone 'UTC')::date + n, 'YYYYMMDD')"
        rows = observer.rows(f"select {days} as day from generate_series(%s::int, %s::int) as n", first, last)
        return [row["day"] for row in rows]

    def test_the_coming_days_are_created_ahead(self, jobs: Maintenance, observer: Observer) -> None:
        assert self.partitions(observer) == self.days(observer, -1, 14)
        observer.connection.execute(
            f"create or replace function {SCHEMA}.clock() returns timestamptz language sql volatile parallel safe"
            " return clock_timestamp() + interval '10 days'"
        )
        jobs.keep_history()
        assert self.partitions(observer)[-1] == self.days(observer, 14, 14)[0]

    def test_past_days_are_dropped_once_empty(self, jobs: Maintenance, observer: Observer) -> None:
        id = observer.one("plain")
        observer.cancel(id)
        observer.move_clock(5 * DAY)
        assert jobs.keep_history() != []
        # Today's execution was five days ago: its partition stays, the empty ones around it went.
        assert self.partitions(observer)[0] == self.days(observer, -5, -5)[0]
        assert self.partitions(observer)[1] == self.days(observer, -2, -2)[0]
        observer.run("delete from {}.finished")
        assert jobs.keep_history() == [f"finished_{self.days(observer, -5, -5)[0]}"]
        assert jobs.keep_history() == []

    def test_creating_days_waits_for_no_settle_and_stops_none(
        self, jobs: Maintenance, observer: Observer, dsn: str
    ) -> None:
        ids = observer.enqueue("plain", count=2)
        with Observer(dsn) as settler:
            settler.connection.execute("begin")
            settler.cancel(ids[0])
            observer.connection.execute("set lock_timeout = '1s'")
            observer.value("select {}.create_history(40)")
            settler.connection.execute("commit")
        assert self.partitions(observer)[-1] == self.days(observer, 40, 40)[0]

    def test_dropping_a_day_gives_way_to_who_reads(self, jobs: Maintenance, observer: Observer, dsn: str) -> None:
        observer.move_clock(10 * DAY)
        with psycopg.connect(dsn) as reader:
            reader.execute(f"select count(*) from {SCHEMA}.finished")
            assert jobs.keep_history() == []
        assert len(jobs.keep_history()) == 9

    def test_every_settle_finds_its_day(self, observer: Observer) -> None:
        for days in range(0, 15, 7):
            observer.connection.execute(
                f"create or replace function {SCHEMA}.clock() returns timestamptz language sql volatile parallel safe"
                f" return clock_timestamp() + interval '{days} days'"
            )
            assert observer.cancel(observer.one("plain"))
        assert observer.counts() == {"cancelled": 3}
