"""Nobody waits for a row while holding a later one: rows are locked by id, or not waited for at all.

The order is documented in docs/state-machine.md. Each test keeps the first of some running rows locked, lets somebody
work on all of them, asked for in the opposite order, and looks at what that one holds while it waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from pgconductor.store.statements import statement
from tests.observer import Observer
from tests.plans import SCHEMA
from tests.store.conftest import NewHand
from tests.store.hand import Hand
from tests.store.test_cancel import wait_for_lock

Batch = Callable[[Hand, list[UUID]], list[object]]

BATCHES: dict[str, Batch] = {
    "discard": lambda hand, ids: [hand.discarded(id) for id in ids],
    "finish": lambda hand, ids: [hand.completed(id) for id in ids],
    "reschedule": lambda hand, ids: [hand.retried(id) for id in ids],
    "release": lambda hand, ids: [hand.released(id) for id in ids],
    # The kind that comes first has the later ids.
    "mixed": lambda hand, ids: [
        hand.completed(ids[0]),
        hand.discarded(ids[1]),
        hand.released(ids[2]),
        hand.failed(ids[3]),
    ],
}


@contextmanager
def locked(dsn: str, table: str, id: UUID) -> Iterator[psycopg.Connection]:
    """One row, locked until the transaction of the connection ends."""
    with psycopg.connect(dsn) as connection:
        connection.execute(f"select from {SCHEMA}.{table} where id = %s for update", [id])
        yield connection


def is_free(observer: Observer, table: str, ids: list[UUID]) -> bool:
    """Whether nobody holds a lock on these rows."""
    try:
        observer.rows(f"select from {{}}.{table} where id = any (%s) for update nowait", ids)
    except psycopg.errors.LockNotAvailable:
        return False
    return True


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES.keys())
async def test_a_settler_that_waits_for_a_row_holds_no_later_one(
    new_hand: NewHand, observer: Observer, dsn: str, batch: Batch
) -> None:
    ids = observer.enqueue("plain", count=4)
    worker = await new_hand()
    await worker.take()
    with locked(dsn, "running", ids[0]) as blocker:
        settling = asyncio.create_task(worker.settle(*batch(worker, ids[::-1])))  # type: ignore[arg-type]
        await asyncio.to_thread(wait_for_lock, observer)
        assert is_free(observer, "running", ids[1:])
        blocker.rollback()
        assert await settling == []
    observer.assert_one_row_each(id for id in ids if observer.state(id))


async def test_giving_back_strays_waits_for_a_row_without_holding_a_later_one(
    new_hand: NewHand, observer: Observer, dsn: str
) -> None:
    ids = observer.enqueue("plain", count=4)
    worker = await new_hand()
    # Claimed last to first, so that the rows lie in the opposite order.
    for id in ids[::-1]:
        observer.run("update {}.ready set priority = 9 where id = %s", id)
        while not await worker.take(1):  # at first the floor is above it
            pass
    with locked(dsn, "running", ids[0]) as blocker:
        giving = asyncio.create_task(worker.claims.release_strays([]))
        await asyncio.to_thread(wait_for_lock, observer)
        assert is_free(observer, "running", ids[1:])
        blocker.rollback()
        assert await giving == 4


@pytest.mark.parametrize("state", ["ready", "scheduled", "running"])
async def test_a_bulk_cancel_that_waits_for_a_row_holds_no_later_one(
    new_hand: NewHand, observer: Observer, dsn: str, state: str
) -> None:
    ids = observer.enqueue("plain", count=4, delay_ms=60_000 if state == "scheduled" else None)
    if state == "running":
        await (await new_hand()).take()
    values = {"task": None, "queue": None, "tag": None, "state": None, "reason": "", "limit": 9, "after": UUID(int=0)}
    with Observer(dsn) as canceller, locked(dsn, state, ids[0]) as blocker:
        query = statement("cancel_matching", SCHEMA)
        cancelling = threading.Thread(target=lambda: canceller.connection.execute(query, values))
        cancelling.start()
        wait_for_lock(observer)
        assert is_free(observer, state, ids[1:])
        blocker.rollback()
        cancelling.join(5)
    assert observer.rows("select from {}.running where cancel_reason is null") == []


async def test_rescue_waits_for_no_row(new_hand: NewHand, observer: Observer, dsn: str) -> None:
    ids = observer.enqueue("plain", count=4)
    worker = await new_hand()
    await worker.take()
    observer.expire(worker.id)
    with locked(dsn, "running", ids[1]):
        assert sorted(rescued.id for rescued in observer.rescue()) == [ids[0], *ids[2:]]
    assert [rescued.id for rescued in observer.rescue()] == [ids[1]]


async def test_claims_and_looks_wait_for_no_row(new_hand: NewHand, observer: Observer, dsn: str) -> None:
    ready = observer.enqueue("plain", count=3)
    limited = observer.enqueue("limited", count=3)
    due = observer.enqueue("plain", count=3, delay_ms=1)
    await asyncio.sleep(0.01)
    worker = await new_hand()
    with locked(dsn, "ready", ready[0]), locked(dsn, "ready", limited[0]), locked(dsn, "scheduled", due[0]):
        assert await worker.take(1, "limited") == [limited[1]]
        assert (await worker.claims.look(10)).promoted == 2
        assert await worker.take() == [*ready[1:], *due[1:]]


async def test_everybody_on_the_same_rows_in_every_order_never_deadlocks(
    new_hand: NewHand, observer: Observer, dsn: str
) -> None:
    """Two connections of one worker, bulk cancels, rescue and strays, all at the same 40 rows, again and again."""
    first, twin, heir = await new_hand(), await new_hand(), await new_hand()
    twin.settlement._worker = first.id
    values = {"task": None, "queue": None, "tag": None, "state": None, "reason": "", "limit": 100, "after": UUID(int=0)}
    query = statement("cancel_matching", SCHEMA)
    for round in range(12):
        ids = observer.enqueue("plain", count=40)
        await first.take(40)
        twin.leases = first.leases
        if round % 2:
            observer.expire(first.id)
        kinds = (first.completed, first.released, first.retried, first.discarded)
        batch = [kinds[n % (round % 4 + 1)](id) for n, id in enumerate(ids)]
        with Observer(dsn) as canceller:
            await asyncio.gather(
                first.settle(*batch),
                twin.settle(*batch[::-1]),
                asyncio.to_thread(canceller.connection.execute, query, values),
                asyncio.to_thread(observer.rescue),
                heir.take(40),
            )
        first.beat()
        observer.assert_one_row_each(id for id in ids if observer.state(id))
        observer.run("delete from {}.ready")
        observer.run("delete from {}.running")
    assert observer.value("select deadlocks from pg_stat_database where datname = current_database()") == 0
