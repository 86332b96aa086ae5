"""Lanes: a limited task never has more than its limit running, at any instant, whoever claims."""

from __future__ import annotations

import asyncio
from uuid import UUID

from pgconductor.plan.model import Lane
from tests.observer import Observer
from tests.plans import make_plan, task
from tests.store.conftest import NewHand
from tests.store.hand import Hand


def slots(observer: Observer) -> list[int]:
    return [row["slot"] for row in observer.rows("select slot from {}.running where task = 'limited' order by slot")]


def with_limit(lane: Lane, limit: int) -> Lane:
    return lane.model_copy(update={"limit": limit})


async def test_no_more_than_the_limit_are_claimed(new_hand: NewHand, observer: Observer) -> None:
    ids = observer.enqueue("limited", count=5)
    worker = await new_hand()
    assert await worker.take(10, "limited") == ids[:2]
    assert await worker.take(10, "limited") == []
    assert slots(observer) == [1, 2]
    observer.assert_one_row_each(ids)


async def test_a_slot_is_free_again_however_its_execution_left(new_hand: NewHand, observer: Observer) -> None:
    observer.enqueue("limited", count=12)
    worker = await new_hand()
    ways = (worker.completed, worker.discarded, worker.failed, worker.retried, worker.released)
    for leave in ways:
        (id,) = await worker.take(1, "limited")
        assert await worker.settle(leave(id)) == []
        assert slots(observer) == []
    await worker.take(2, "limited")
    observer.expire(worker.id)
    observer.rescue()
    assert slots(observer) == []
    worker.beat()
    await worker.take(2, "limited")
    assert await worker.claims.release_strays([]) == 2
    assert slots(observer) == []


async def test_the_lowest_free_slots_are_taken(new_hand: NewHand, observer: Observer) -> None:
    observer.enqueue("limited", count=6)
    worker = await new_hand()
    first, second, third = [
        UUID(bytes=row[0]) for row in await worker.claim(3, lane=with_limit(worker.lane("limited"), 3))
    ]
    assert await worker.settle(worker.completed(second)) == []
    await worker.claim(3, lane=with_limit(worker.lane("limited"), 3))
    assert slots(observer) == [1, 2, 3]
    assert {first, third} < {row["id"] for row in observer.rows("select id from {}.running")}


async def test_the_open_lane_never_takes_a_limited_task(new_hand: NewHand, observer: Observer) -> None:
    observer.enqueue("limited", count=3, priority=100)
    plain = observer.one("plain")
    worker = await new_hand()
    assert await worker.take(10) == [plain]
    assert await worker.take(10) == []


async def test_a_saturated_lane_leaves_the_others_alone(new_hand: NewHand, observer: Observer) -> None:
    observer.enqueue("limited", count=50, priority=100)
    plain = observer.enqueue("plain", count=20)
    worker = await new_hand()
    await worker.take(10, "limited")
    assert await worker.take(20) == plain
    assert (await worker.claims.look(10)).lanes == (1,)


async def test_order_within_a_lane_is_that_of_every_claim(new_hand: NewHand, observer: Observer) -> None:
    low, urgent = observer.one("limited"), observer.one("limited", priority=1)
    assert await (await new_hand()).take(2, "limited") == [urgent, low]


async def test_at_every_instant_at_most_the_limit_runs_with_many_claimers_and_a_moving_limit(
    new_hand: NewHand, observer: Observer, dsn: str
) -> None:
    """Raised and lowered while claimers race: each claims under the limit it was told last, and never exceeds it."""
    ids = observer.enqueue("limited", count=150)
    workers = [await new_hand() for _ in range(4)]
    limit = 3
    most: list[int] = []
    todo = len(ids)

    async def work(worker: Hand) -> None:
        nonlocal todo
        while todo > 0:
            mine = await worker.claim(4, lane=with_limit(worker.lane("limited"), limit))
            for row in mine:
                most.append(len(slots(observer)) - limit)
                await worker.settle(worker.completed(UUID(bytes=row[0])))
                todo -= 1
            await asyncio.sleep(0)

    async def move_limit() -> None:
        nonlocal limit
        for raised in (5, 1, 4, 2, 3) * 3:
            await asyncio.sleep(0.02)
            if raised < limit:  # lowering takes effect as executions end: what runs is not stopped
                while len(slots(observer)) > raised:
                    limit = raised
                    await asyncio.sleep(0.002)
            limit = raised

    await asyncio.gather(move_limit(), *(work(worker) for worker in workers))
    assert observer.counts() == {"completed": 150}
    assert slots(observer) == []
    # A limit that was lowered between a claim and the look is the only way to see more than it.
    assert max(most) <= 4


async def test_a_steady_limit_is_never_exceeded_as_the_database_sees_it(
    new_hand: NewHand, observer: Observer, dsn: str
) -> None:
    """The judge is a trigger: it counts in every transaction that claims, with a lock that makes its count exact."""
    observer.connection.execute(
        """
        create table most (n bigint);
        insert into most values (0);
        create function watch() returns trigger language plpgsql as $$
        begin
            update most set n = greatest(n, (select count(*) from pgconductor.running where task = 'limited'));
            return null;
        end $$;
        create trigger watch after insert on pgconductor.running_default for each statement execute function watch();
        """
    )
    ids = observer.enqueue("limited", count=120)
    workers = [await new_hand() for _ in range(5)]
    done: list[UUID] = []

    async def work(worker: Hand) -> None:
        while len(done) < len(ids):
            mine = await worker.take(3, "limited")
            await asyncio.sleep(0.001)
            await worker.settle(*(worker.completed(id) for id in mine)) if mine else None
            done.extend(mine)

    await asyncio.gather(*(work(worker) for worker in workers))
    assert observer.value("select n from most") == 2
    assert sorted(done) == sorted(ids)


async def test_a_lowered_limit_claims_nothing_until_enough_have_ended(new_hand: NewHand, observer: Observer) -> None:
    observer.enqueue("limited", count=8)
    worker = await new_hand()
    lane = worker.lane("limited")
    five = [UUID(bytes=row[0]) for row in await worker.claim(5, lane=with_limit(lane, 5))]
    for id in five[:4]:
        assert await worker.claim(5, lane=with_limit(lane, 2)) == []
        assert await worker.settle(worker.completed(id)) == []
    assert len(await worker.claim(5, lane=with_limit(lane, 2))) == 1
    assert len(slots(observer)) == 2


async def test_a_raised_limit_claims_more_at_once(new_hand: NewHand, observer: Observer) -> None:
    observer.enqueue("limited", count=8)
    worker = await new_hand()
    await worker.take(10, "limited")
    assert len(await worker.claim(10, lane=with_limit(worker.lane("limited"), 6))) == 4
    assert slots(observer) == [1, 2, 3, 4, 5, 6]


async def test_a_limit_holds_among_the_workers_that_know_it(new_hand: NewHand, observer: Observer) -> None:
    """During a deploy: the old plan knows the task without a limit, the new one with. Neither is in the other's way."""
    ids = observer.enqueue("plain", count=9)
    old = await new_hand()
    new = await new_hand(of=make_plan(task("plain", limit=2)))
    assert await old.take(2) == ids[:2]
    assert await new.take(10, "plain") == ids[2:4]
    assert await new.take(10, "plain") == []
    assert await old.take(10) == ids[4:]
    observer.assert_one_row_each(ids)
