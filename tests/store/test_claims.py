"""Claiming: in order, once, only what the worker can run, and only while it is alive."""

from __future__ import annotations

import asyncio
from uuid import UUID

import psycopg
import pytest

from pgconductor.plan.model import Plan
from pgconductor.store.claims import Floor
from tests.observer import Observer
from tests.plans import make_plan, task
from tests.store.conftest import LEASE_MS, NewHand
from tests.store.hand import Hand


@pytest.fixture
async def worker(new_hand: NewHand) -> Hand:
    return await new_hand()


async def test_a_claim_moves_rows_to_running_under_the_worker_and_its_lease(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain", {"n": 1}, tags=("blue",), key=None)
    ((claimed, task_key, version, attempt, payload, priority, _, is_child, has_steps),) = await worker.claim()
    assert (UUID(bytes=claimed), task_key, version, attempt, payload, priority) == (id, "plain", 1, 1, '{"n": 1}', 0)
    assert (is_child, has_steps) == (False, False)
    (row,) = observer.rows("select * from {}.running")
    assert (row["worker"], row["lease"], row["attempts"], row["slot"], row["tags"]) == (worker.id, 1, 1, None, ["blue"])
    observer.assert_one_row_each([id])


async def test_order_is_priority_descending_then_run_at_then_id(worker: Hand, observer: Observer) -> None:
    low = observer.enqueue("plain", count=3, priority=-100)
    normal = observer.enqueue("plain", count=2)
    late = observer.one("plain", priority=7)
    early = observer.one("plain", priority=7)
    observer.run("update {}.ready set run_at = run_at - interval '1 hour' where id = %s", early)
    high = observer.one("plain", priority=100)
    assert await worker.take(5) == [high, early, late, *normal]
    assert await worker.take(5) == low


async def test_ids_made_by_one_bulk_call_run_in_its_order(worker: Hand, observer: Observer) -> None:
    ids = observer.enqueue("plain", count=50)
    assert await worker.take(50) == ids


async def test_concurrent_claimers_never_share_a_row(new_hand: NewHand, observer: Observer) -> None:
    ids = observer.enqueue("plain", count=300)
    workers = [await new_hand() for _ in range(4)]

    async def claim_all(worker: Hand) -> list[UUID]:
        mine: list[UUID] = []
        while taken := await worker.take(7):
            mine += taken
        return mine

    shares = await asyncio.gather(*(claim_all(worker) for worker in workers))
    assert sorted(id for share in shares for id in share) == sorted(ids)
    observer.assert_one_row_each(ids)


async def test_a_claim_sent_again_after_a_lost_reply_takes_nothing_twice(worker: Hand, observer: Observer) -> None:
    ids = observer.enqueue("plain", count=4)
    first = await worker.take(2)
    worker.lease -= 1  # the reply is lost: the worker asks again, under the same lease even
    again = await worker.take(2)
    assert first + again == ids
    observer.assert_one_row_each(ids)


async def test_what_a_lost_reply_held_goes_back_without_an_attempt_and_only_once(
    worker: Hand, observer: Observer
) -> None:
    ids = observer.enqueue("plain", count=3)
    lost = await worker.take(2)
    (known,) = await worker.claim(1)
    assert await worker.claims.release_strays([known[0]]) == 2
    before = observer.snapshot()
    assert await worker.claims.release_strays([known[0]]) == 0
    assert observer.snapshot() == before
    assert [observer.row(id)["attempts"] for id in lost] == [0, 0]
    assert [observer.state(id) for id in ids] == ["ready", "ready", "running"]


async def test_strays_are_those_of_this_worker_alone(new_hand: NewHand, observer: Observer) -> None:
    observer.enqueue("plain", count=2)
    mine, other = await new_hand(), await new_hand()
    await mine.take(1)
    await other.take(1)
    assert await mine.claims.release_strays([]) == 1
    assert observer.value("select worker from {}.running") == other.id


async def test_a_stray_that_was_asked_to_stop_ends_cancelled(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    assert observer.cancel(id, "changed my mind")
    assert await worker.claims.release_strays([]) == 1
    assert observer.state(id) == "cancelled"
    assert observer.error(id) == {"type": "Cancelled", "message": "changed my mind"}


@pytest.mark.parametrize("name", ["plain", "limited"])
async def test_a_worker_whose_lease_lapsed_cannot_claim(worker: Hand, observer: Observer, name: str) -> None:
    id = observer.one(name)
    lane = "limited" if name == "limited" else None
    observer.move_clock(LEASE_MS / 1000 + 1)
    assert await worker.take(1, lane) == []
    worker.beat()
    assert await worker.take(1, lane) == [id]


async def test_a_worker_that_is_not_registered_cannot_claim(worker: Hand, observer: Observer) -> None:
    observer.one("plain")
    worker.registry.deregister()
    assert await worker.take() == []


@pytest.mark.parametrize("name", ["plain", "limited"])
async def test_a_paused_queue_gives_nothing_until_it_is_resumed(worker: Hand, observer: Observer, name: str) -> None:
    id = observer.one(name)
    lane = "limited" if name == "limited" else None
    observer.run("update {}.queues set paused = true where name = 'default'")
    assert await worker.take(1, lane) == []
    assert (await worker.claims.look(10)).paused
    observer.run("update {}.queues set paused = false where name = 'default'")
    assert await worker.take(1, lane) == [id]


async def test_an_unknown_task_waits_for_a_worker_that_knows_it(
    new_hand: NewHand, worker: Hand, observer: Observer, plan: Plan
) -> None:
    unknown = observer.one("tomorrow", priority=50)
    known = observer.one("plain")
    assert await worker.take() == [known]
    assert observer.state(unknown) == "ready"
    assert (await worker.claims.look(10)).lanes == ()
    newer = await new_hand(of=make_plan(*plan.tasks.values(), task("tomorrow")))
    assert await newer.take() == [unknown]


async def test_a_payload_version_that_is_too_new_waits_for_a_worker_that_reads_it(
    new_hand: NewHand, worker: Hand, observer: Observer
) -> None:
    older = observer.one("newer", version=2)
    newest = observer.one("newer", version=3)
    future = observer.one("newer", version=4)
    beyond_plain = observer.one("plain", version=2)
    assert await worker.take() == [older, newest]
    assert observer.state(future) == observer.state(beyond_plain) == "ready"
    upgraded = await new_hand(of=make_plan(task("newer", version=4), task("plain", version=2)))
    assert await upgraded.take() == [future, beyond_plain]


async def test_a_limited_task_keeps_payload_versions_apart_too(worker: Hand, observer: Observer) -> None:
    observer.one("limited", version=2)
    known = observer.one("limited", version=1)
    assert await worker.take(5, "limited") == [known]


async def test_queues_are_apart(new_hand: NewHand, observer: Observer) -> None:
    here, there = observer.one("plain"), observer.one("elsewhere", queue="other")
    default, other = await new_hand(), await new_hand("other")
    assert await other.take() == [there]
    assert await default.take() == [here]


async def test_a_look_promotes_what_is_due_and_says_when_the_next_is(worker: Hand, observer: Observer) -> None:
    soon = observer.one("plain", delay_ms=30_000)
    later = observer.one("limited", delay_ms=90_000)
    look = await worker.claims.look(10)
    assert (look.promoted, look.lanes) == (0, ())
    assert look.next_due == pytest.approx(30, abs=2)
    observer.move_clock(31)
    worker.beat()
    look = await worker.claims.look(10)
    assert (look.promoted, look.lanes) == (1, (0,))
    assert look.next_due == pytest.approx(59, abs=2)
    assert await worker.take() == [soon]
    observer.move_clock(91)
    worker.beat()
    look = await worker.claims.look(10)
    assert (look.promoted, look.lanes, look.next_due) == (1, (1,), None)
    assert await worker.take(1, "limited") == [later]
    observer.assert_one_row_each([soon, later])


async def test_promotion_is_done_once_however_many_look(new_hand: NewHand, observer: Observer) -> None:
    ids = observer.enqueue("plain", count=40, delay_ms=1_000)
    observer.move_clock(2)
    workers = [await new_hand() for _ in range(4)]
    looks = await asyncio.gather(*(worker.claims.look(15) for worker in workers))
    assert sum(look.promoted for look in looks) == 40
    assert max(look.promoted for look in looks) <= 15
    observer.assert_one_row_each(ids)
    assert observer.counts() == {"ready": 40}


class TestFloor:
    """The claim floor: nothing that is ready is ever missed for it."""

    async def test_a_full_claim_goes_on_from_where_the_last_ended(self, worker: Hand, observer: Observer) -> None:
        ids = observer.enqueue("plain", count=6)
        assert await worker.take(2) == ids[:2]
        assert worker.claims._floor.parameters != Floor._START
        assert await worker.take(2) == ids[2:4]
        assert await worker.take(2) == ids[4:]

    async def test_a_higher_priority_that_arrived_below_the_floor_is_found(
        self, worker: Hand, observer: Observer
    ) -> None:
        ids = observer.enqueue("plain", count=200)
        await worker.take(2)
        urgent = observer.one("plain", priority=9)
        taken: list[UUID] = []
        async with asyncio.timeout(2):
            while urgent not in taken:
                taken += await worker.take(2)
                await asyncio.sleep(0.01)
        assert len(taken) < len(ids)  # found while there was enough else to do

    async def test_a_late_commit_below_the_floor_is_found(self, worker: Hand, observer: Observer, dsn: str) -> None:
        with Observer(dsn) as late:
            late.connection.execute("begin")
            early_id = late.one("plain")
            ids = observer.enqueue("plain", count=4)
            assert await worker.take(2) == ids[:2]
            late.connection.execute("commit")
        taken = []
        for _ in range(3):
            taken += await worker.take(2)
        assert sorted(taken) == sorted([*ids[2:], early_id])

    async def test_a_claim_that_comes_back_short_gives_the_floor_up(self, worker: Hand, observer: Observer) -> None:
        observer.enqueue("plain", count=2)
        await worker.take(2)
        assert await worker.take(2) == []
        assert worker.claims._floor.parameters == Floor._START

    async def test_a_released_row_below_the_floor_runs_again(self, worker: Hand, observer: Observer) -> None:
        ids = observer.enqueue("plain", count=6)
        await worker.take(2)
        await worker.settle(*(worker.released(id) for id in ids[:2]))
        taken = []
        for _ in range(4):
            taken += await worker.take(2)
        assert sorted(taken) == sorted(ids)

    def test_no_more_than_a_tenth_of_the_time_goes_into_claims_from_the_start(self) -> None:
        floor, row = Floor(), (bytes(16), "t", 1, 1, "{}", 0, bytes(8), False, False)
        floor.before_claim(100.0)
        floor.after_claim(100.0, 101.0, row, full=True)  # from the start, and slow
        from_start = 0
        for now in range(102, 122):
            floor.before_claim(float(now))
            from_start += floor.parameters is Floor._START
            floor.after_claim(float(now), float(now) + 0.1, row, full=True)
        assert 1 <= from_start <= 11


async def test_claiming_takes_no_lock_that_an_enqueue_waits_for(worker: Hand, observer: Observer, dsn: str) -> None:
    observer.enqueue("plain", count=3)
    async with worker.connection.transaction():
        await worker.take(2)
        with psycopg.connect(dsn, autocommit=True) as other:
            other.execute("set lock_timeout = '500ms'")
            other.execute("select pgconductor.invoke('plain')")
    assert observer.counts() == {"ready": 2, "running": 2}


async def test_only_this_workers_stopping_executions_are_found(new_hand: NewHand, observer: Observer) -> None:
    first, second = observer.enqueue("plain", count=2)
    mine, other = await new_hand(), await new_hand()
    await mine.take(1)
    await other.take(1)
    assert observer.cancel(first, "one")
    assert observer.cancel(second, "two")
    stopping = await mine.claims.find_stopping()
    assert [(UUID(bytes=s.id), s.lease, s.reason) for s in stopping] == [(first, 1, "one")]


async def test_what_a_worker_no_longer_holds_is_found_under_the_lease_it_was_held_under(
    worker: Hand, observer: Observer
) -> None:
    ids = observer.enqueue("plain", count=4)
    await worker.take(9)
    held = [(id.bytes, worker.leases[id]) for id in ids]
    assert await worker.claims.find_lost(held) == []
    await worker.settle(worker.completed(ids[0]), worker.released(ids[1]))
    assert await worker.take(1) == [ids[1]]
    assert sorted(await worker.claims.find_lost(held)) == held[:2]
    assert await worker.claims.find_lost([(ids[1].bytes, worker.lease)]) == []
