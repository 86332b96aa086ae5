"""Settling: each outcome once, whoever sends it how often; and only by who holds the lease."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest

from pgconductor.store.settlement import Finished, Settled
from tests.observer import Observer
from tests.store.conftest import NewHand
from tests.store.hand import Hand

Outcome = Callable[[Hand, UUID], Settled]

OUTCOMES: dict[str, Outcome] = {
    "discard": lambda hand, id: hand.discarded(id),
    "complete": lambda hand, id: hand.completed(id, '{"a": 1}'),
    "fail": lambda hand, id: hand.failed(id),
    "retry later": lambda hand, id: hand.retried(id),
    "retry now": lambda hand, id: hand.retried(id, 0),
    "release": lambda hand, id: hand.released(id),
}
every_outcome = pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES.keys())


@pytest.fixture
async def worker(new_hand: NewHand) -> Hand:
    return await new_hand()


async def test_completed_and_not_kept_leaves_no_row(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    assert await worker.settle(worker.discarded(id)) == []
    assert observer.state(id) is None


async def test_completed_is_kept_with_its_result(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain", {"n": 2}, tags=("a", "b"), priority=3)
    await worker.take()
    running = observer.row(id)
    assert await worker.settle(worker.completed(id, '{"twice": 4}')) == []
    row = observer.row(id)
    kept = ("queue", "task", "priority", "attempts", "version", "run_at", "created_at", "started_at", "payload", "tags")
    assert {name: row[name] for name in kept} == {name: running[name] for name in kept}
    assert (row["state"], row["result"], row["error"], row["worker"]) == ("completed", {"twice": 4}, None, worker.id)
    assert row["started_at"] <= row["finished_at"]


async def test_failed_is_kept_with_its_error(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    await worker.settle(worker.failed(id))
    assert observer.state(id) == "failed"
    assert observer.error(id) == {"type": "ValueError", "message": "no"}


async def test_a_retry_waits_for_its_delay_and_keeps_the_attempt_and_the_error(
    worker: Hand, observer: Observer
) -> None:
    id = observer.one("plain")
    await worker.take()
    await worker.settle(worker.retried(id, 60_000))
    row = observer.row(id)
    assert (row["state"], row["attempts"], row["error"]["message"]) == ("scheduled", 1, "no")
    assert observer.value("select extract(epoch from run_at - {}.clock()) from {}.scheduled") == pytest.approx(
        60, abs=2
    )
    observer.move_clock(61)
    worker.beat()
    await worker.look()
    ((_, _, _, attempt, *_),) = await worker.claim()
    assert attempt == 2


async def test_a_retry_without_a_delay_is_ready_at_once(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    await worker.settle(worker.retried(id, 0))
    assert (observer.state(id), observer.row(id)["attempts"]) == ("ready", 1)


async def test_a_release_costs_no_attempt(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    before = observer.row(id)
    await worker.take()
    await worker.settle(worker.released(id))
    assert observer.row(id) == before


@every_outcome
async def test_a_batch_sent_twice_changes_nothing_twice(worker: Hand, observer: Observer, outcome: Outcome) -> None:
    ids = observer.enqueue("plain", count=3)
    await worker.take(2)
    batch = [outcome(worker, id) for id in ids[:2]]
    assert await worker.settle(*batch) == []
    before = observer.snapshot()
    assert await worker.settle(*batch) == ids[:2]
    assert observer.snapshot() == before


async def test_a_mixed_batch_sent_twice_changes_nothing_twice(worker: Hand, observer: Observer) -> None:
    ids = observer.enqueue("plain", count=len(OUTCOMES))
    await worker.take()
    batch = [outcome(worker, id) for outcome, id in zip(OUTCOMES.values(), ids, strict=True)]
    assert await worker.settle(*batch) == []
    before = observer.snapshot()
    assert sorted(await worker.settle(*batch)) == sorted(ids)
    assert observer.snapshot() == before
    assert observer.counts() == {"completed": 1, "failed": 1, "scheduled": 1, "ready": 2}


@every_outcome
async def test_a_zombie_changes_nothing(new_hand: NewHand, observer: Observer, outcome: Outcome) -> None:
    id = observer.one("plain")
    zombie = await new_hand()
    await zombie.take()
    observer.expire(zombie.id)
    observer.rescue()
    heir = await new_hand()
    assert await heir.take() == [id]
    before = observer.snapshot()
    assert await zombie.settle(outcome(zombie, id)) == [id]
    assert observer.snapshot() == before
    assert await heir.settle(heir.completed(id)) == []
    before = observer.snapshot()
    assert await zombie.settle(outcome(zombie, id)) == [id]
    assert observer.snapshot() == before


@every_outcome
async def test_an_earlier_lease_of_the_same_worker_changes_nothing(
    worker: Hand, observer: Observer, outcome: Outcome
) -> None:
    id = observer.one("plain")
    await worker.take()
    late = outcome(worker, id)
    await worker.settle(worker.released(id))
    assert await worker.take() == [id]
    before = observer.snapshot()
    assert await worker.settle(late) == [id]
    assert observer.snapshot() == before


@every_outcome
async def test_another_workers_execution_cannot_be_settled(
    new_hand: NewHand, observer: Observer, outcome: Outcome
) -> None:
    id = observer.one("plain")
    owner, stranger = await new_hand(), await new_hand()
    await owner.take()
    stranger.lease = owner.lease
    before = observer.snapshot()
    assert await stranger.settle(outcome(stranger, id)) == [id]
    assert observer.snapshot() == before


async def test_what_is_not_owned_is_dropped_and_its_neighbours_settle(worker: Hand, observer: Observer) -> None:
    ids = observer.enqueue("plain", count=3)
    await worker.take(2)
    unknown = uuid4()
    batch = [worker.completed(ids[0]), worker.completed(unknown), worker.completed(ids[2]), worker.completed(ids[1])]
    assert sorted(await worker.settle(*batch)) == sorted([unknown, ids[2]])
    assert [observer.state(id) for id in ids] == ["completed", "completed", "ready"]


async def test_a_settle_and_its_replay_at_the_same_time_have_the_effect_of_one(
    worker: Hand, new_hand: NewHand, observer: Observer
) -> None:
    ids = observer.enqueue("plain", count=50)
    await worker.take(50)
    batch = [worker.completed(id) for id in ids]
    twin = await new_hand()
    twin.settlement._worker = worker.id  # the same worker, its connection lost and opened again
    first, second = await asyncio.gather(worker.settle(*batch), twin.settle(*batch))
    assert sorted([*first, *second]) == sorted(ids)
    observer.assert_one_row_each(ids)
    assert observer.counts() == {"completed": 50}


@pytest.mark.parametrize(
    "name", ["discard", "complete", "fail", "retry later", "retry now", "release"], ids=lambda name: name
)
async def test_what_was_asked_to_stop_ends_cancelled_whatever_its_handler_made_of_it(
    worker: Hand, observer: Observer, name: str
) -> None:
    id = observer.one("plain")
    await worker.take()
    assert observer.cancel(id, "too late") is True
    assert await worker.settle(OUTCOMES[name](worker, id)) == []
    row = observer.row(id)
    assert (row["state"], row["result"], row["error"]) == (
        "cancelled",
        None,
        {"type": "Cancelled", "message": "too late"},
    )
    assert row["started_at"] is not None


async def test_a_cancel_that_is_committing_while_the_outcome_is_written_holds(
    worker: Hand, observer: Observer, dsn: str
) -> None:
    id = observer.one("plain")
    await worker.take()
    with Observer(dsn) as canceller:
        canceller.connection.execute("begin")
        assert canceller.cancel(id)
        settling = asyncio.create_task(worker.settle(worker.completed(id, "1")))
        await asyncio.sleep(0.2)
        assert not settling.done()
        canceller.connection.execute("commit")
    assert await settling == []
    assert (observer.state(id), observer.row(id)["result"]) == ("cancelled", None)


async def test_a_batch_with_one_that_cannot_be_stored_writes_nothing(worker: Hand, observer: Observer) -> None:
    ids = observer.enqueue("plain", count=3)
    await worker.take()
    before = observer.snapshot()
    bad = Finished(ids[1].bytes, worker.lease, "completed", "{", None)
    with pytest.raises(psycopg.DataError):
        await worker.settle(worker.discarded(ids[0]), bad, worker.retried(ids[2]))
    assert observer.snapshot() == before


async def test_a_large_batch_settles_in_one_statement(worker: Hand, observer: Observer) -> None:
    ids = observer.enqueue("plain", count=600)
    assert len(await worker.take(600)) == 600
    assert await worker.settle(*(worker.completed(id, json.dumps(n)) for n, id in enumerate(ids))) == []
    assert observer.counts() == {"completed": 600}
    assert observer.row(ids[77])["result"] == 77
