"""`emit` in SQL: it reaches everybody who waits for it, in the caller's transaction, however many wait for others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import AsyncConnection

from pgconductor.store.maintenance import Maintenance
from pgconductor.store.records import Wait
from pgconductor.store.settlement import Suspended
from pgconductor.store.steps import load_recorded
from tests.observer import Observer
from tests.plans import SCHEMA
from tests.store.conftest import NewHand
from tests.store.hand import Hand

PAID = "order.paid"
EMIT = f"select {SCHEMA}.emit(%s, %s)"


@pytest.fixture(autouse=True)
def declared(observer: Observer) -> None:
    observer.run("insert into {}.event_types values (%s, '1 day', '1'), ('door.opened', '0', '1')", PAID)


def emit(observer: Observer, event: str = PAID, **payload: Any) -> UUID:
    id: UUID = observer.value("select {}.emit(%s, %s)", event, json.dumps(payload))
    return id


def waits_for(event: str = PAID, name: str = "paid", position: int = 1, **match: Any) -> Wait:
    return Wait(name, "event", position, target=event, match=match)


async def wait(worker: Hand, observer: Observer, *waits: Wait) -> UUID:
    """An execution that waits for something."""
    id = observer.one("plain")
    assert await worker.take() == [id]
    await worker.settle(Suspended(id.bytes, worker.leases[id], 1, waits, ()))
    assert observer.state(id) == "waiting"
    return id


@pytest.fixture
async def worker(new_hand: NewHand) -> Hand:
    return await new_hand()


async def test_who_waits_gets_the_payload_and_goes_on(worker: Hand, observer: Observer) -> None:
    id = await wait(worker, observer, waits_for(order=7))
    emit(observer, order=7, total="1.50")
    assert observer.state(id) == "ready"
    recorded = await load_recorded(worker.connection, SCHEMA, [id.bytes])
    (record,) = recorded[id.bytes]
    assert record.state == "done"
    assert json.loads(record.result or "") == {"order": 7, "total": "1.50"}


@pytest.mark.parametrize(
    ("match", "payload", "matches"),
    [
        ({}, {}, True),
        ({}, {"order": 1}, True),
        ({"order": 1}, {"order": 1, "more": [1]}, True),
        ({"order": 1}, {"order": 1.0}, True),
        ({"order": 1}, {"order": 2}, False),
        ({"order": 1}, {"order": "1"}, False),
        ({"order": 1}, {}, False),
        ({"order": None}, {"order": None}, True),
        ({"order": None}, {}, False),
        ({"a": 1, "b": "x"}, {"b": "x", "a": 1, "c": 0}, True),
        ({"a": 1, "b": "x"}, {"a": 1, "b": "y"}, False),
        ({"a": 1, "b": "x"}, {"a": 1}, False),
        ({"at": {"x": 1, "y": [2, {"z": None}]}}, {"at": {"y": [2, {"z": None}], "x": 1}}, True),
        ({"at": {"x": 1}}, {"at": {"x": 1, "y": 2}}, False),
        ({'od"d, {key}\\': "'"}, {'od"d, {key}\\': "'"}, True),
    ],
)
async def test_every_field_asked_for_must_be_equal(
    worker: Hand, observer: Observer, match: dict[str, Any], payload: dict[str, Any], matches: bool
) -> None:
    id = await wait(worker, observer, waits_for(**match))
    emit(observer, **payload)
    assert observer.state(id) == ("ready" if matches else "waiting")


async def test_an_event_reaches_all_that_match_and_no_others(worker: Hand, observer: Observer) -> None:
    wanted = [await wait(worker, observer, waits_for(**match)) for match in ({}, {"a": 1}, {"a": 1, "b": 2}, {"b": 2})]
    others = [await wait(worker, observer, waits_for(**match)) for match in ({"a": 2}, {"c": 1}, {"a": 1, "c": None})]
    others.append(await wait(worker, observer, waits_for("door.opened")))
    emit(observer, a=1, b=2)
    assert [observer.state(id) for id in wanted] == ["ready"] * 4
    assert [observer.state(id) for id in others] == ["waiting"] * 4


async def test_an_event_that_was_emitted_before_is_not_heard(worker: Hand, observer: Observer) -> None:
    emit(observer, order=7)
    id = await wait(worker, observer, waits_for(order=7))
    assert observer.state(id) == "waiting"


async def test_an_emit_that_is_rolled_back_reaches_nobody(worker: Hand, observer: Observer, dsn: str) -> None:
    id = await wait(worker, observer, waits_for(order=7))
    with psycopg.connect(dsn) as connection:
        connection.execute(EMIT, (PAID, '{"order": 7}'))
        connection.rollback()
    assert observer.state(id) == "waiting"
    assert observer.value("select count(*) from {}.events") == 0
    emit(observer, order=7)
    assert observer.state(id) == "ready"


def test_emitting_to_nobody_is_fine_and_kept(observer: Observer) -> None:
    id = emit(observer, order=7)
    (row,) = observer.rows("select id, name, payload, expires_at - emitted_at as kept from {}.events")
    assert (row["id"], row["name"], row["payload"], row["kept"].days) == (id, PAID, {"order": 7}, 1)
    assert observer.value("select {}.emit(%s) is not null", PAID)


async def test_an_event_with_no_retention_wakes_and_leaves_no_row(worker: Hand, observer: Observer) -> None:
    id = await wait(worker, observer, waits_for("door.opened", door=1))
    assert emit(observer, "door.opened", door=1).version == 7
    assert observer.state(id) == "ready"
    assert observer.value("select count(*) from {}.events") == 0


async def test_the_same_id_twice_is_one_event(worker: Hand, observer: Observer) -> None:
    event = uuid4()
    assert observer.value("select {}.emit(%s, '{}', %s)".replace("'{}'", "'{{}}'"), PAID, event) == event
    id = await wait(worker, observer, waits_for())
    assert observer.value("select {}.emit(%s, '{{}}', %s)", PAID, event) == event
    assert observer.state(id) == "waiting"
    assert observer.value("select count(*) from {}.events") == 1


def test_an_unknown_event_is_refused_with_what_to_do(observer: Observer) -> None:
    with pytest.raises(psycopg.errors.UndefinedObject, match=r'no event "order\.payed"') as raised:
        emit(observer, "order.payed")
    assert "pgconductor apply" in (raised.value.diag.message_hint or "")


@pytest.mark.parametrize("payload", ["[]", "7", '"text"', "null", None])
def test_a_payload_is_an_object(observer: Observer, payload: str | None) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="a payload is a JSON object"):
        observer.value("select {}.emit(%s, %s::jsonb)", PAID, payload)


def test_events_past_their_retention_are_pruned(observer: Observer) -> None:
    emit(observer, order=1)
    observer.move_clock(12 * 3600)
    late = emit(observer, order=2)
    observer.move_clock(25 * 3600)
    Maintenance(observer.connection, SCHEMA, uuid4()).prune(lambda: False)
    assert [row["id"] for row in observer.rows("select id from {}.events")] == [late]


def test_one_emit_among_thousands_of_waits_goes_by_the_index(observer: Observer, dsn: str) -> None:
    """In a session without settings of ours, whose plans were made while nobody waited."""
    with psycopg.connect(dsn) as connection:
        for _ in range(8):
            connection.execute(EMIT, (PAID, '{"order": 0}'))
        connection.commit()
        ids = observer.enqueue("plain", count=5000)
        observer.run("alter table {}.steps set (autovacuum_enabled = false)")
        observer.run(
            "insert into {}.steps (execution_id, started_at, position, attempt, name, kind, state, target, keys, match)"
            " select id, now(), 1, 1, 'paid', 'event', 'waiting', %s, array['order'],"
            " jsonb_build_object('order', row_number() over (order by id)) from {}.ready",
            PAID,
        )
        read = "select seq_tup_read, idx_tup_fetch from pg_stat_xact_user_tables where relname = 'steps'"
        connection.execute(EMIT, (PAID, '{"order": 4000}'))
        row = connection.execute(read).fetchone()
        assert row is not None
        assert row[0] == 0
        assert row[1] < 20
    done = observer.rows("select execution_id from {}.steps where state = 'done'")
    assert [step["execution_id"] for step in done] == [ids[3999]]


async def test_parking_and_emitting_at_the_same_time_lose_no_wake_up(
    new_hand: NewHand, observer: Observer, dsn: str
) -> None:
    """Each execution waits for two events, emitted by two sessions as soon as the waits are recorded: it is woken by
    one, runs, and parks again for the other while that is emitted."""
    count = 120
    workers = [await new_hand() for _ in range(3)]
    recorded: tuple[asyncio.Queue[int], ...] = (asyncio.Queue(), asyncio.Queue())
    observer.enqueue("plain", count=count)
    numbers = iter(range(count))

    async def serve(worker: Hand) -> None:
        while observer.counts() != {"completed": count}:
            fresh: list[int] = []
            outcomes: list[Any] = []
            claimed = [UUID(bytes=row[0]) for row in await worker.claim(5)]
            steps = await load_recorded(worker.connection, SCHEMA, [id.bytes for id in claimed])
            for id in claimed:
                found: Sequence[Any] = steps.get(id.bytes, ())
                pending = tuple(record for record in found if record.state == "waiting")
                if found and not pending:
                    outcomes.append(worker.completed(id))
                    continue
                number = -1 if found else next(numbers)
                new = tuple(waits_for(name=side, position=at, order=number, side=side) for at, side in enumerate("ab"))
                outcomes.append(Suspended(id.bytes, worker.leases[id], 1, () if found else new, pending))
                fresh += [] if found else [number]
            if outcomes:
                await worker.settle(*outcomes)
            for number in fresh:
                for queue in recorded:
                    queue.put_nowait(number)
            await asyncio.sleep(0)

    async def tell(side: str, queue: asyncio.Queue[int]) -> None:
        async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
            for _ in range(count):
                await connection.execute(EMIT, (PAID, json.dumps({"order": await queue.get(), "side": side})))

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(serve(worker) for worker in workers), *(tell(*each) for each in zip("ab", recorded, strict=True))
        )
    assert observer.counts() == {"completed": count}
