"""SEMANTICS, "Enqueue": in the caller's transaction it commits or vanishes with the caller's data."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from psycopg import AsyncConnection, Connection
from psycopg.rows import dict_row

from pgconductor.api.options import ThrottledOptions
from pgconductor.errors import ConductorError, ExecutionNotFound, SchemaMismatch
from pgconductor.plan.model import Plan
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Email, Numbered, SyncConductor

ADA = Email(to="ada@example.org")
ORDERS = "create table orders (number integer)"


async def test_it_commits_with_the_callers_data(conductor: Conductor, backstage: Backstage, shop: str) -> None:
    backstage.connection.execute(ORDERS)
    async with await AsyncConnection.connect(shop) as connection:
        await connection.execute("insert into orders values (1)")
        bound = conductor.bind(connection)
        one = await bound.send_email(ADA, priority=9)
        many = await bound.latest.many([Numbered(number=1), (Numbered(number=2), {"dedupe_key": "k"})])
        assert await one.status() == "ready"
        assert backstage.count() == 0
        with pytest.raises(ExecutionNotFound, match="was not committed"):
            await one.result(timeout=5)
    assert {row["id"] for row in backstage.rows()} == {execution.id for execution in [one, *many]}
    backstage.run(one.id, '{"message_id": "m"}')
    assert (await one.result(timeout=5)).message_id == "m"


async def test_it_vanishes_with_the_callers_data(conductor: Conductor, backstage: Backstage, shop: str) -> None:
    kept = await conductor.send_email(ADA)
    async with await AsyncConnection.connect(shop) as connection:
        bound = conductor.bind(connection)
        await bound.send_email(ADA, dedupe_key="k", id=uuid4())
        await bound.latest.many([Numbered(number=1), (Numbered(number=2), ThrottledOptions(throttle="1h"))])
        assert await bound.cancel(kept.id)
        await connection.rollback()
    assert [(row["id"], row["state"]) for row in backstage.rows()] == [(kept.id, "ready")]
    assert backstage.rows("select * from pgconductor.keys") == []


async def test_an_inner_block_that_fails_takes_only_its_own(
    conductor: Conductor, backstage: Backstage, shop: str
) -> None:
    async with await AsyncConnection.connect(shop) as connection:
        bound = conductor.bind(connection)
        outer = await bound.send_email(ADA)
        await connection.execute("savepoint inner_block")
        await bound.send_email(ADA)
        await connection.execute("rollback to inner_block")
    assert [row["id"] for row in backstage.rows()] == [outer.id]


async def test_in_autocommit_mode_many_are_still_all_or_nothing(
    conductor: Conductor, backstage: Backstage, shop: str
) -> None:
    backstage.poison(7)
    async with await AsyncConnection.connect(shop, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="poisoned"):
            await conductor.bind(connection).latest.many(
                [Numbered(number=1), (Numbered(number=7), {"dedupe_key": "k"})]
            )
        assert backstage.count() == 0
        await conductor.bind(connection).latest(Numbered(number=1))
    assert backstage.count() == 1


async def test_the_callers_ways_of_reading_and_writing_do_not_matter(
    conductor: Conductor, backstage: Backstage, shop: str
) -> None:
    connection = await AsyncConnection.connect(
        shop, row_factory=dict_row, cursor_factory=psycopg.AsyncClientCursor, prepare_threshold=None
    )
    async with connection:
        bound = conductor.bind(connection)
        first = await bound.send_email(ADA, dedupe_key="k")
        assert await bound.send_email(ADA, dedupe_key="k") == first
        assert await bound.status(first.id) == "ready"
        assert await bound.cancel_all(task="send_email") == 1


async def test_a_serializable_transaction_is_the_callers_to_retry(conductor: Conductor, shop: str) -> None:
    async with await AsyncConnection.connect(shop) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.execute("select 1")
        await conductor.send_email(ADA, dedupe_key="k")
        with pytest.raises(psycopg.errors.SerializationFailure):
            await conductor.bind(connection).send_email(ADA, dedupe_key="k")


async def test_a_missing_schema_says_what_to_do(conductor: Conductor, database: str) -> None:
    async with await AsyncConnection.connect(database) as connection:
        with pytest.raises(SchemaMismatch, match="run `pgconductor apply`"):
            await conductor.bind(connection).send_email(ADA)


async def test_the_wrong_kind_of_connection_is_refused(conductor: Conductor, shop: str) -> None:
    refusal = pytest.raises(TypeError, match=r"takes a psycopg\.AsyncConnection here; .* use the SyncConductor")
    with Connection.connect(shop) as connection, refusal:
        conductor.bind(connection)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"not builtins\.str"):
        conductor.bind("postgresql://")  # type: ignore[arg-type]


async def test_a_conductor_that_was_never_opened_can_be_bound(plan: Plan, backstage: Backstage, shop: str) -> None:
    async with await AsyncConnection.connect(shop) as connection:
        execution = await Conductor.connect(shop, plan=plan).bind(connection).send_email(ADA)
    assert backstage.row(execution.id)["state"] == "ready"
    with pytest.raises(ConductorError, match="is not open"):
        await execution.result()


async def test_a_bound_conductor_cannot_be_opened(conductor: Conductor, shop: str) -> None:
    async with await AsyncConnection.connect(shop) as connection:
        with pytest.raises(ConductorError, match="nothing to open or close"):
            await conductor.bind(connection).open()


def test_synchronous_connections_commit_and_roll_back_alike(
    sync_conductor: SyncConductor, backstage: Backstage, shop: str
) -> None:
    with Connection.connect(shop) as connection:
        bound = sync_conductor.bind(connection)
        one = bound.send_email(ADA)
        many = bound.latest.many([Numbered(number=1), (Numbered(number=2), {"dedupe_key": "k"})])
        assert one.status() == "ready"
        assert backstage.count() == 0
        connection.commit()
        bound.send_email(ADA)
        assert bound.cancel(one.id)
        connection.rollback()
    assert {row["id"]: row["state"] for row in backstage.rows()} == dict.fromkeys(
        [each.id for each in [one, *many]], "ready"
    )
    backstage.run(one.id, '{"message_id": "m"}')
    assert one.result(timeout=5).message_id == "m"


async def test_an_asynchronous_connection_is_refused_by_the_synchronous_conductor(plan: Plan, shop: str) -> None:
    async with await AsyncConnection.connect(shop) as connection:
        with pytest.raises(TypeError, match=r"takes a psycopg\.Connection here; .* use the Conductor"):
            SyncConductor.connect(shop, plan=plan).bind(connection)  # type: ignore[arg-type]
