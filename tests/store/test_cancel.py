"""Cancelling: at once where nothing runs, by asking where something does, and never taken back."""

from __future__ import annotations

import threading
import time
from uuid import UUID, uuid4

import pytest

from pgconductor.store.statements import statement
from tests.observer import Observer
from tests.plans import SCHEMA
from tests.store.conftest import NewHand

CANCELLED = {"type": "Cancelled", "message": "no longer wanted"}


async def test_ready_ends_cancelled_at_once(observer: Observer) -> None:
    id = observer.one("plain", {"n": 1}, tags=("a",), priority=4)
    before = observer.row(id)
    assert observer.cancel(id) is True
    row = observer.row(id)
    kept = ("queue", "task", "priority", "attempts", "run_at", "created_at", "payload", "tags", "dedupe_key")
    assert {name: row[name] for name in kept} == {name: before[name] for name in kept}
    assert (row["state"], row["error"], row["started_at"], row["worker"]) == ("cancelled", CANCELLED, None, None)


async def test_scheduled_ends_cancelled_at_once(observer: Observer) -> None:
    id = observer.one("plain", delay_ms=60_000)
    assert observer.cancel(id) is True
    assert (observer.state(id), observer.error(id)) == ("cancelled", CANCELLED)


async def test_waiting_ends_cancelled_at_once(observer: Observer) -> None:
    id = observer.one("plain")
    columns = "id, run_at, created_at, attempts, priority, version, queue, task, payload"
    observer.run(
        f"with gone as (delete from {{}}.ready returning *)"
        f" insert into {{}}.waiting ({columns}, since) select {columns}, {{}}.clock() from gone"
    )
    assert observer.cancel(id) is True
    assert (observer.state(id), observer.error(id)) == ("cancelled", CANCELLED)


async def test_running_is_asked_and_the_first_reason_stays(new_hand: NewHand, observer: Observer) -> None:
    id = observer.one("plain")
    worker = await new_hand()
    await worker.take()
    assert observer.cancel(id, "first") is True
    assert observer.cancel(id, "second") is True
    assert observer.state(id) == "running"
    await worker.settle(worker.completed(id))
    assert (observer.state(id), observer.error(id)["message"]) == ("cancelled", "first")


async def test_unknown_or_ended_is_false_and_changes_nothing(new_hand: NewHand, observer: Observer) -> None:
    done, dropped, stopped = observer.enqueue("plain", count=3)
    worker = await new_hand()
    await worker.take(2)
    await worker.settle(worker.completed(done), worker.discarded(dropped))
    assert observer.cancel(stopped) is True
    before = observer.snapshot()
    assert [observer.cancel(id) for id in (done, dropped, stopped, uuid4())] == [False] * 4
    assert observer.snapshot() == before


async def test_a_cancelled_execution_is_never_claimed(new_hand: NewHand, observer: Observer) -> None:
    ids = observer.enqueue("plain", count=2)
    observer.cancel(ids[0])
    assert await (await new_hand()).take() == ids[1:]


async def test_a_cancel_meets_a_claim_that_is_committing(new_hand: NewHand, observer: Observer, dsn: str) -> None:
    id = observer.one("plain")
    worker = await new_hand()
    said: list[bool] = []
    with Observer(dsn) as canceller:
        async with worker.connection.transaction():
            await worker.take()
            thread = threading.Thread(target=lambda: said.append(canceller.cancel(id)))
            thread.start()
            wait_for_lock(observer)
        thread.join(5)
    assert said == [True]
    assert observer.value("select cancel_reason from {}.running where id = %s", id) == "no longer wanted"


@pytest.mark.parametrize("how", ["complete", "retry", "release"])
async def test_a_cancel_meets_a_settle_that_is_committing(
    new_hand: NewHand, observer: Observer, dsn: str, how: str
) -> None:
    id = observer.one("plain")
    worker = await new_hand()
    await worker.take()
    outcome = {"complete": worker.completed, "retry": worker.retried, "release": worker.released}[how](id)
    said: list[bool] = []
    with Observer(dsn) as canceller:
        async with worker.connection.transaction():
            await worker.settle(outcome)
            thread = threading.Thread(target=lambda: said.append(canceller.cancel(id)))
            thread.start()
            wait_for_lock(observer)
        thread.join(5)
    assert (said, observer.state(id)) == (([False], "completed") if how == "complete" else ([True], "cancelled"))


async def test_cancelling_by_task_queue_and_tag_in_batches(new_hand: NewHand, observer: Observer) -> None:
    tagged = observer.enqueue("plain", count=5, tags=("old", "x"))
    others = observer.enqueue("plain", count=2, tags=("new",))
    elsewhere = observer.enqueue("elsewhere", count=2, queue="other", tags=("old",))
    await (await new_hand()).take(1)

    def cancel_all(**filters: str) -> list[UUID]:
        after, found = UUID(int=0), []
        while True:
            values = {
                "task": None,
                "queue": None,
                "tag": None,
                "state": None,
                "reason": "bulk",
                "limit": 2,
                "after": after,
                **filters,
            }
            rows = observer.connection.execute(statement("cancel_matching", SCHEMA), values).fetchall()
            found += [id for id, cancelled in rows if cancelled]
            if len(rows) < 2:
                return found
            after = rows[-1][0]

    assert cancel_all(tag="old", queue="default") == tagged
    assert cancel_all(task="elsewhere") == elsewhere
    assert [observer.state(id) for id in others] == ["ready", "ready"]
    assert observer.counts() == {"ready": 2, "running": 1, "cancelled": 6}


def wait_for_lock(observer: Observer) -> None:
    """Until some session waits for another."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    deadline = time.monotonic() + 5
    while not observer.value(waiting):
        assert time.monotonic() < deadline
        time.sleep(0.005)
