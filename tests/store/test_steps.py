"""Steps and parking: fenced, written once however often they are sent, and no wake-up is lost."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from pgconductor.store.enqueue import Item, Terms
from pgconductor.store.maintenance import Maintenance
from pgconductor.store.records import StepResult, Wait
from pgconductor.store.session import WORKER_SETTINGS
from pgconductor.store.settlement import Suspended
from pgconductor.store.steps import Steps, load_recorded
from pgconductor.store.uuid7 import uuid7_bytes
from tests.observer import Observer
from tests.plans import SCHEMA
from tests.store.conftest import NewHand
from tests.store.hand import Hand


@pytest.fixture
async def worker(new_hand: NewHand) -> Hand:
    return await new_hand()


def step(worker: Hand, id: UUID, name: str = "one", position: int = 1, result: bytes = b"1") -> StepResult:
    return StepResult(id.bytes, worker.leases[id], name, position, result, 1_500)


def steps_of(worker: Hand) -> Steps:
    return Steps(worker.connection, SCHEMA, "default", worker.id)


def parked(worker: Hand, id: UUID, *waits: Wait, waited: tuple[Any, ...] = ()) -> Suspended:
    return Suspended(id.bytes, worker.leases[id], 1, waits, waited)


def invocation(name: str = "child", count: int = 1, **changes: Any) -> Wait:
    terms = Terms("plain", "default", 1, 0)
    children = [Item(id, b"{}", terms) for id in uuid7_bytes(count)]
    kind = "invoke" if count == 1 else "map"
    return Wait(name, kind, 1, target="plain", children=children)._replace(**changes)  # type: ignore[arg-type]


async def test_a_saved_step_is_there_once_however_often_it_is_sent(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    value = '{"b": 1.0, "a":  "\\u00e9 \u20ac", "big": 12345678901234567890123}'.encode()
    for _ in range(2):
        assert await steps_of(worker).save([step(worker, id, result=value)]) == []
    (row,) = observer.rows("select name, kind, state, position, attempt, result::text from {}.steps")
    assert row == {
        "name": "one",
        "kind": "step",
        "state": "done",
        "position": 1,
        "attempt": 1,
        "result": value.decode(),
    }


async def test_who_would_go_on_with_another_value_than_the_stored_one_is_told_so(
    worker: Hand, observer: Observer
) -> None:
    id = observer.one("plain")
    await worker.take()
    assert await steps_of(worker).save([step(worker, id, result=b"1")]) == []
    (unsaved,) = await steps_of(worker).save([step(worker, id, result=b"2")])
    assert (UUID(bytes=unsaved.id), unsaved.reason) == (id, None)
    assert observer.value("select result from {}.steps") == 1


async def test_a_zombie_saves_nothing(worker: Hand, new_hand: NewHand, observer: Observer) -> None:
    mine, theirs = observer.enqueue("plain", count=2)
    await worker.take()
    observer.expire(worker.id)
    observer.rescue()
    other = await new_hand()
    await other.take()
    unsaved = await steps_of(worker).save([step(worker, mine), step(worker, theirs)])
    assert sorted((UUID(bytes=row.id), row.reason) for row in unsaved) == sorted([(mine, None), (theirs, None)])
    assert observer.rows("select * from {}.steps") == []


async def test_a_lapsed_worker_saves_nothing_though_nobody_took_its_work_yet(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    observer.expire(worker.id)
    assert [row.reason for row in await steps_of(worker).save([step(worker, id)])] == [None]
    worker.beat()
    assert await steps_of(worker).save([step(worker, id)]) == []


async def test_a_rescue_waits_for_a_step_that_is_being_saved(worker: Hand, dsn: str, observer: Observer) -> None:
    """Else the step would be recorded after somebody else has begun to run it again."""
    id = observer.one("plain")
    await worker.take()
    async with worker.connection.transaction():
        assert await steps_of(worker).save([step(worker, id)]) == []
        observer.move_clock(3600)  # its lease lapses before the commit
        assert observer.rescue() == []
    observer.move_clock(7200)
    assert [rescued.id for rescued in observer.rescue()] == [id]
    assert observer.rows("select has_steps from {}.ready") == [{"has_steps": True}]


async def test_a_saved_step_tells_that_the_execution_should_stop(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    observer.cancel(id, "enough")
    (row,) = await steps_of(worker).save([step(worker, id)])
    assert (row.id, row.reason) == (id.bytes, "enough")
    assert len(observer.rows("select * from {}.steps")) == 1


async def test_what_was_saved_is_loaded_with_the_next_claim(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    await steps_of(worker).save([step(worker, id, "b", 2), step(worker, id, "a", 1)])
    await worker.settle(worker.released(id))
    ((*_, has_steps),) = await worker.claim()
    assert has_steps
    recorded = await load_recorded(worker.connection, SCHEMA, [id.bytes])
    assert [(record.name, record.position) for record in recorded[id.bytes]] == [("a", 1), ("b", 2)]


async def test_a_parked_execution_and_its_children_are_there_once(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    outcome = parked(worker, id, invocation(count=3))
    assert await worker.settle(outcome) == []
    assert await worker.settle(outcome) == [id]  # sent again after a lost reply
    assert observer.counts() == {"waiting": 1, "ready": 3}
    assert observer.rows("select pending, state from {}.steps") == [{"pending": 3, "state": "waiting"}]


async def test_a_zombie_parks_nothing_and_has_no_children(worker: Hand, new_hand: NewHand, observer: Observer) -> None:
    id, mine = observer.enqueue("plain", count=2)
    await worker.take(1)
    await worker.take(1)
    observer.expire(worker.id)
    observer.rescue()
    other = await new_hand()
    await other.take(2)
    assert set(await worker.settle(parked(worker, id, invocation()), parked(worker, mine, invocation()))) == {id, mine}
    assert observer.counts() == {"running": 2}
    assert observer.rows("select * from {}.steps") == []


async def test_one_that_was_cancelled_meanwhile_does_not_park(worker: Hand, observer: Observer) -> None:
    id, other = observer.enqueue("plain", count=2)
    await worker.take()
    observer.cancel(id, "enough")
    assert await worker.settle(parked(worker, id, invocation()), parked(worker, other, invocation("b"))) == []
    assert observer.state(id) == "cancelled"
    assert observer.state(other) == "waiting"
    assert observer.counts() == {"cancelled": 1, "waiting": 1, "ready": 1}


async def test_the_last_child_wakes_the_parent_and_none_before(worker: Hand, observer: Observer) -> None:
    id = observer.one("plain")
    await worker.take()
    await worker.settle(parked(worker, id, invocation(count=3)))
    children = await worker.take()
    assert len(children) == 3
    for child in children:
        assert observer.state(id) == "waiting"
        await worker.settle(worker.completed(child, "1"))
        await worker.settlement.resume()
    assert observer.state(id) == "ready"
    assert observer.rows("select * from {}.ended_children") == []
    ((claimed, *_, has_steps),) = await worker.claim()
    assert (claimed, has_steps) == (id.bytes, True)
    (record,) = (await load_recorded(worker.connection, SCHEMA, [id.bytes]))[id.bytes]
    assert [(child.state, child.result) for child in record.children] == [("completed", "1")] * 3


@pytest.mark.parametrize("end", ["discarded by the clock", "rescued", "cancelled", "released after a cancel"])
async def test_however_a_child_ends_its_parent_hears_of_it(
    worker: Hand, new_hand: NewHand, observer: Observer, end: str
) -> None:
    id = observer.one("plain")
    await worker.take()
    await worker.settle(parked(worker, id, invocation()))
    other = await new_hand()
    (child,) = await other.take()
    match end:
        case "discarded by the clock":
            await other.settle(other.failed(child))
        case "rescued":
            observer.run("update {}.running set attempts = 3 where id = %s", child)
            observer.expire(other.id)
            assert [rescued.spent for rescued in observer.rescue()] == [True]
        case "cancelled":
            await other.settle(other.released(child))
            observer.cancel(child)
        case _:
            observer.cancel(child)
            await other.settle(other.released(child))
    await worker.settlement.resume()
    assert observer.state(id) == "ready"


async def test_a_child_that_ends_while_its_parent_runs_again_is_found_when_it_parks(
    worker: Hand, observer: Observer
) -> None:
    """Two branches wait; one wakes the parent, and the other's child ends before it parks again."""
    id = observer.one("plain")
    await worker.take()
    first, second = invocation("first"), invocation("second")._replace(position=2)
    await worker.settle(parked(worker, id, first, second))
    one, two = await worker.take()
    await worker.settle(worker.completed(one))
    await worker.settlement.resume()
    assert await worker.take() == [id]
    recorded = (await load_recorded(worker.connection, SCHEMA, [id.bytes]))[id.bytes]
    await worker.settle(worker.completed(two))
    await worker.settlement.resume()
    assert observer.state(id) == "running"
    await worker.settle(parked(worker, id, waited=(recorded[1],)))
    assert observer.state(id) == "ready"


async def test_parking_and_ending_at_the_same_time_lose_no_wake_up(new_hand: NewHand, observer: Observer) -> None:
    workers = [await new_hand() for _ in range(4)]

    async def work(worker: Hand, rounds: int) -> None:
        for _ in range(rounds):
            outcomes: list[Any] = []
            for row in await worker.claim(20):
                claimed, is_child, has_steps = UUID(bytes=row[0]), row[-2], row[-1]
                if is_child or has_steps:
                    outcomes.append(worker.completed(claimed))
                else:
                    outcomes.append(parked(worker, claimed, invocation(count=3)))
            if outcomes:
                await worker.settle(*outcomes)
            await worker.settlement.resume()

    ids = observer.enqueue("plain", count=100)
    for _ in range(20):
        await asyncio.gather(*(work(worker, 5) for worker in workers))
        if observer.counts() == {"completed": 400}:
            break
    assert observer.counts() == {"completed": 400}
    observer.assert_one_row_each(ids)


async def test_a_finished_child_stays_while_its_parent_may_ask(worker: Hand, observer: Observer) -> None:
    observer.run("update {}.tasks set keep_completed = '0', keep_cancelled = '0'")
    id = observer.one("plain")
    await worker.take()
    await worker.settle(parked(worker, id, invocation()))
    (child,) = await worker.take()
    await worker.settle(worker.completed(child))
    prune(observer)
    assert observer.state(child) == "completed"
    observer.cancel(id)
    prune(observer)
    prune(observer)
    assert observer.counts() == {}
    assert observer.rows("select * from {}.steps") == []


async def test_saving_and_loading_steps_go_by_their_keys(worker: Hand, dsn: str, observer: Observer) -> None:
    observer.run(
        "insert into {}.steps (execution_id, started_at, position, attempt, name, kind, state)"
        " select gen_random_uuid(), now(), 1, 1, 'x', 'step', 'done' from generate_series(1, 5000)"
    )
    observer.enqueue("plain", count=20)
    ids = await worker.take(20)
    observer.run(WORKER_SETTINGS)
    plans = []
    for text, values in (
        ("select * from {}.steps as s where s.execution_id = any (%s) order by s.execution_id, s.position", [ids]),
        ("update {}.steps set pending = 1 where execution_id = %s and name = 'x'", [ids[0]]),
    ):
        rows = observer.rows("explain (format text) " + text, *values)
        plans.append("\n".join(row["QUERY PLAN"] for row in rows))
    assert all("steps_pkey" in plan for plan in plans), plans


def prune(observer: Observer) -> None:
    with psycopg.connect(observer.dsn, autocommit=True) as connection:
        Maintenance(connection, SCHEMA, uuid4()).prune(lambda: False)
