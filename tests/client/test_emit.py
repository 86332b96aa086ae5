"""Emitting from clients: typed, in the caller's transaction or not, and once whatever becomes of the reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import AsyncConnection, Connection

from pgconductor.errors import DatabaseUnreachable, SchemaMismatch, ValidationError
from pgconductor.plan.model import Plan
from pgconductor.store import pool as pool_module
from pgconductor.store.query import AnyAsyncConnection, Query, Rows, run
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, DoorOpened, Empty, OrderPaid, SyncConductor

PAID = OrderPaid(order=7)


def emitted(backstage: Backstage) -> list[tuple[str, UUID]]:
    """The events that are kept, in the order of their ids."""
    return [(row["name"], row["id"]) for row in backstage.rows("select name, id from pgconductor.events order by id")]


async def test_an_event_is_emitted_with_its_payload_and_its_id_returned(
    conductor: Conductor, backstage: Backstage
) -> None:
    id = await conductor.emit.order_paid(OrderPaid(order=7, note="gift"))
    assert id.version == 7
    (row,) = backstage.rows("select id, name, payload, expires_at - emitted_at as kept from pgconductor.events")
    assert (row["id"], row["name"], row["payload"]) == (id, "order.paid", {"order": 7, "note": "gift"})
    assert row["kept"].days == 1


async def test_a_payload_that_can_be_made_from_nothing_may_be_left_out(
    conductor: Conductor, sync_conductor: SyncConductor, backstage: Backstage
) -> None:
    ids = [await conductor.emit.stock_empty(), await conductor.emit.stock_empty(Empty())]
    ids += [sync_conductor.emit.stock_empty()]
    assert emitted(backstage) == [("stock.empty", id) for id in ids]


async def test_the_same_id_twice_is_one_event(conductor: Conductor, backstage: Backstage) -> None:
    id = uuid4()
    assert await conductor.emit.order_paid(PAID, id=id) == id
    assert await conductor.emit.order_paid(OrderPaid(order=8), id=str(id)) == id
    assert backstage.value("select payload->>'order' from pgconductor.events") == "7"
    assert len(emitted(backstage)) == 1


async def test_what_is_refused_is_named_and_nothing_is_emitted(
    conductor: Conductor, plan: Plan, shop: str, backstage: Backstage
) -> None:
    with pytest.raises(ValidationError, match=r"payload of event `order\.paid` refused: expected OrderPaid, got Empty"):
        await conductor.emit.order_paid(Empty())  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="NUL"):
        await conductor.emit.order_paid(OrderPaid(order=1, note="\0"))
    with pytest.raises(ValidationError, match="`id` is a UUID"):
        await conductor.emit.order_paid(PAID, id="seven")
    with pytest.raises(ValidationError, match='its retention is "0s"'):
        await conductor.emit.door_opened(DoorOpened(door=1), id=uuid4())
    async with Conductor.connect(shop, plan=plan.model_copy(update={"size_limit": 20})) as narrow:
        with pytest.raises(ValidationError, match="more than the 20 of `size_limit`"):
            await narrow.emit.order_paid(OrderPaid(order=1, note="x" * 20))
    assert emitted(backstage) == []


async def test_an_event_that_was_never_applied_says_what_to_do(conductor: Conductor, backstage: Backstage) -> None:
    backstage.connection.execute("delete from pgconductor.event_types")
    with pytest.raises(SchemaMismatch, match="run `pgconductor apply`"):
        await conductor.emit.order_paid(PAID)


async def test_it_commits_or_vanishes_with_the_callers_transaction(
    conductor: Conductor, backstage: Backstage, shop: str
) -> None:
    async with await AsyncConnection.connect(shop) as connection:
        bound = conductor.bind(connection)
        await bound.emit.order_paid(PAID)
        await connection.rollback()
        kept = await bound.emit.order_paid(PAID)
        assert emitted(backstage) == []
    assert emitted(backstage) == [("order.paid", kept)]


def test_synchronous_conductors_do_the_same(sync_conductor: SyncConductor, backstage: Backstage, shop: str) -> None:
    first = sync_conductor.emit.order_paid(PAID)
    with Connection.connect(shop) as connection:
        bound = sync_conductor.bind(connection)
        bound.emit.order_paid(PAID)
        connection.rollback()
        second = bound.emit.order_paid(PAID)
        assert len(emitted(backstage)) == 1
    assert emitted(backstage) == [("order.paid", first), ("order.paid", second)]


class Line:
    """Executes statements, and loses the connection before or after those that emit, as often as it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lose_before = 0
        self.lose_after = 0
        self.sent = 0
        self.meanwhile: Callable[[], None] = lambda: None
        monkeypatch.setattr(pool_module, "run", self.run)

    async def run(self, connection: AnyAsyncConnection, queries: Sequence[Query]) -> list[Rows]:
        emits = "emit(" in queries[0].text
        if emits and self.lose_before:
            self.lose_before -= 1
            await connection.close()
        rows = await run(connection, queries)
        self.sent += emits
        if emits and self.lose_after:
            self.lose_after -= 1
            self.meanwhile()
            await connection.close()
            raise psycopg.OperationalError("the connection is lost")
        return rows


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(monkeypatch)


async def test_a_lost_reply_does_not_emit_twice(line: Line, conductor: Conductor, backstage: Backstage) -> None:
    line.lose_after = 2
    id = await conductor.emit.order_paid(PAID)
    assert line.sent == 3
    assert emitted(backstage) == [("order.paid", id)]


async def test_what_did_not_arrive_is_emitted_again(line: Line, conductor: Conductor, backstage: Backstage) -> None:
    line.lose_before = 2
    id = await conductor.emit.order_paid(PAID)
    assert line.sent == 1
    assert emitted(backstage) == [("order.paid", id)]


async def test_an_event_that_is_not_kept_is_not_sent_again_but_said_to_be_unknown(
    line: Line, conductor: Conductor
) -> None:
    line.lose_after = 1
    with pytest.raises(DatabaseUnreachable, match=r"event `door\.opened` .* Whether it was is unknown"):
        await conductor.emit.door_opened(DoorOpened(door=1))
    assert line.sent == 1


async def test_nothing_is_sent_again_once_the_event_may_have_been_forgotten(
    line: Line, shop: str, plan: Plan, backstage: Backstage
) -> None:
    brief = plan.events["order.paid"].model_copy(update={"retention_ms": 80})
    forgetful = plan.model_copy(update={"events": {**plan.events, "order.paid": brief}})
    line.lose_after = 1
    async with Conductor.connect(shop, plan=forgetful) as conductor:
        with pytest.raises(DatabaseUnreachable, match="emit it again with the id") as raised:
            await conductor.emit.order_paid(PAID)
    assert line.sent == 1
    assert str(emitted(backstage)[0][1]) in str(raised.value)
