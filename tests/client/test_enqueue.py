"""SEMANTICS, "Enqueue": what every enqueue returns and writes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from pgconductor.errors import DatabaseError, ValidationError
from pgconductor.plan.model import Plan
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Email, Numbered

ADA = Email(to="ada@example.org")
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)


async def test_an_enqueue_returns_a_handle_with_a_uuid7_of_a_row_that_is_ready(
    conductor: Conductor, backstage: Backstage
) -> None:
    execution = await conductor.send_email(ADA)
    assert execution.id.version == 7
    assert abs((execution.id.int >> 80) / 1000 - datetime.now(UTC).timestamp()) < 60
    row = backstage.row(execution.id)
    assert (row["state"], row["task"], row["queue"], row["priority"]) == ("ready", "send_email", "mail", 3)
    assert row["payload"] == {"to": "ada@example.org", "note": None}
    assert (row["version"], row["attempts"], row["tags"], row["dedupe_key"], row["parent_id"]) == (
        1,
        0,
        None,
        None,
        None,
    )


async def test_a_payload_that_may_be_left_out_is_the_empty_one(conductor: Conductor, backstage: Backstage) -> None:
    execution = await conductor.sweep()
    assert backstage.row(execution.id)["payload"] == {}


async def test_priority_and_tags_are_kept(conductor: Conductor, backstage: Backstage) -> None:
    tags = ["plain", 'quo"te', "back\\slash", "com,ma", "{brace}", "null", "ünï"]
    execution = await conductor.send_email(ADA, priority=-100, tags=tags)
    row = backstage.row(execution.id)
    assert (row["priority"], row["tags"]) == (-100, tags)


@pytest.mark.parametrize("delay", ["5m", timedelta(minutes=5), 300, 300.0])
async def test_a_delay_in_any_spelling_is_counted_from_now(
    conductor: Conductor, backstage: Backstage, delay: str | timedelta | float
) -> None:
    backstage.set_clock(NOON)
    execution = await conductor.send_email(ADA, delay=delay)
    row = backstage.row(execution.id)
    assert (row["state"], row["run_at"]) == ("scheduled", NOON + timedelta(minutes=5))


async def test_run_at_in_the_future_is_scheduled_and_in_the_past_is_ready(
    conductor: Conductor, backstage: Backstage
) -> None:
    backstage.set_clock(NOON)
    later = await conductor.send_email(ADA, run_at=NOON + timedelta(hours=1))
    before = await conductor.send_email(ADA, run_at=NOON - timedelta(hours=1))
    assert backstage.row(later.id)["state"] == "scheduled"
    row = backstage.row(before.id)
    assert (row["state"], row["run_at"]) == ("ready", NOON - timedelta(hours=1))


async def test_the_same_id_twice_is_one_execution_in_whatever_state_it_is(
    conductor: Conductor, backstage: Backstage
) -> None:
    for prepare in (lambda _: None, backstage.start, backstage.run):
        first = await conductor.send_email(ADA, id=uuid4())
        prepare(first.id)
        again = await conductor.send_email(Email(to="other@example.org"), id=str(first.id))
        assert again == first
        assert backstage.row(first.id)["payload"]["to"] == "ada@example.org"
    scheduled = await conductor.send_email(ADA, id=uuid4(), delay="1h")
    assert await conductor.send_email(ADA, id=scheduled.id) == scheduled
    assert backstage.row(scheduled.id)["state"] == "scheduled"


async def test_the_same_id_twice_in_one_bulk_call_is_one_execution(conductor: Conductor, backstage: Backstage) -> None:
    name = uuid4()
    first, other, again = await conductor.send_email.many([(ADA, {"id": name}), ADA, (ADA, {"id": name})])
    assert first == again
    assert first != other
    assert first.id == name
    assert backstage.count() == 2


async def test_the_same_id_from_many_connections_at_once_is_one_execution(
    shop: str, plan: Plan, backstage: Backstage
) -> None:
    name = uuid4()

    async def caller() -> UUID:
        async with Conductor.connect(shop, plan=plan) as conductor:
            return (await conductor.send_email(ADA, id=name)).id

    assert set(await asyncio.gather(*(caller() for _ in range(20)))) == {name}
    assert backstage.count() == 1


async def test_many_are_one_statement_with_ids_in_order(conductor: Conductor, backstage: Backstage) -> None:
    executions = await conductor.latest.many([Numbered(number=number) for number in range(1_000)])
    assert [backstage.row(execution.id)["payload"]["number"] for execution in executions[::100]] == [
        *range(0, 1_000, 100)
    ]
    assert [execution.id for execution in executions] == sorted(execution.id for execution in executions)
    moments = backstage.rows("select distinct created_at, run_at, xmin::text from pgconductor.ready")
    assert len(moments) == 1
    assert backstage.count() == 1_000


async def test_each_of_many_has_options_of_its_own_before_the_shared_ones(
    conductor: Conductor, backstage: Backstage
) -> None:
    executions = await conductor.send_email.many(
        [ADA, (ADA, {"priority": 50}), (ADA, {"delay": "1h", "tags": ["late"]}), (ADA, {"dedupe_key": "k"}), ADA],
        priority=7,
        tags=["all"],
    )
    rows = [backstage.row(execution.id) for execution in executions]
    assert [row["priority"] for row in rows] == [7, 50, 7, 7, 7]
    assert [row["state"] for row in rows] == ["ready", "ready", "scheduled", "ready", "ready"]
    assert [row["tags"] for row in rows] == [["all"], ["all"], ["late"], ["all"], ["all"]]
    assert [row["dedupe_key"] for row in rows] == [None, None, None, "k", None]


async def test_many_may_be_none(conductor: Conductor, backstage: Backstage) -> None:
    assert await conductor.send_email.many([]) == []
    assert backstage.count() == 0


async def test_many_are_all_or_nothing_when_the_server_refuses_one(conductor: Conductor, backstage: Backstage) -> None:
    backstage.poison(7)
    with pytest.raises(DatabaseError, match="poisoned"):
        await conductor.latest.many([Numbered(number=number) for number in range(10)])
    plain_and_keyed = [(Numbered(number=1), {"dedupe_key": "k"}), Numbered(number=7), Numbered(number=3)]
    with pytest.raises(DatabaseError, match="poisoned"):
        await conductor.latest.many(plain_and_keyed)  # type: ignore[arg-type]
    assert backstage.count() == 0
    assert backstage.rows("select * from pgconductor.keys") == []


async def test_many_are_all_or_nothing_when_one_does_not_validate(conductor: Conductor, backstage: Backstage) -> None:
    with pytest.raises(ValidationError, match=r"^item 1: payload of task `send_email` refused: `to`: .* NUL"):
        await conductor.send_email.many([ADA, Email(to="a\0b"), ADA])
    with pytest.raises(ValidationError, match=r"^item 2: `priority` of task `send_email` "):
        await conductor.send_email.many([ADA, ADA, (ADA, {"priority": 101})])
    assert backstage.count() == 0


async def test_one_id_for_many_is_refused(conductor: Conductor) -> None:
    with pytest.raises(ValidationError, match="give each item its own"):
        await conductor.send_email.many([ADA, ADA], id=uuid4())


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (Email(to="a\0b"), "`to`.*NUL"),
        (Email(to="\ud800"), "`to`.*surrogate"),
        (Email(to="a", note="deep \udfff"), "`note`.*surrogate"),
    ],
)
async def test_what_cannot_be_stored_is_refused_by_field_before_any_row_exists(
    conductor: Conductor, backstage: Backstage, payload: Email, field: str
) -> None:
    with pytest.raises(ValidationError, match=field):
        await conductor.send_email(payload)
    assert backstage.count() == 0


async def test_a_dict_is_refused_with_advice(conductor: Conductor) -> None:
    with pytest.raises(
        ValidationError, match=r"expected Email, got dict; build Email\(\.\.\.\), or Email\.model_validate"
    ):
        await conductor.send_email({"to": "ada@example.org"})  # type: ignore[call-overload]


async def test_another_tasks_payload_is_refused(conductor: Conductor) -> None:
    with pytest.raises(ValidationError, match="expected Email, got Numbered"):
        await conductor.send_email(Numbered(number=1))  # type: ignore[call-overload]


async def test_a_payload_of_more_than_16_mb_is_refused(conductor: Conductor, backstage: Backstage) -> None:
    with pytest.raises(ValidationError, match=r"has 16,777,\d\d\d bytes as JSON, more than the 16,777,216"):
        await conductor.send_email(Email(to="x" * 16 * 1024 * 1024))
    assert backstage.count() == 0


async def test_a_large_payload_arrives_unchanged(conductor: Conductor, backstage: Backstage) -> None:
    text = "äöü€𝄞\\\"'%s{}" * 100_000
    execution = await conductor.send_email(Email(to=text))
    assert backstage.row(execution.id)["payload"]["to"] == text


async def test_an_idle_worker_is_woken_once_and_a_busy_one_is_not(conductor: Conductor, backstage: Backstage) -> None:
    listener = backstage.connection
    listener.execute("listen pgconductor")
    await conductor.send_email.many([ADA, ADA])
    assert list(listener.notifies(timeout=0.2)) == []
    backstage.connection.execute(
        "insert into pgconductor.workers (process, queue, host, pid, plan, concurrency, lease, idle, started_at,"
        " heartbeat_at, expires_at) values (gen_random_uuid(), 'mail', 'h', 1, '', 1, '30s', true, now(), now(),"
        " now() + interval '1 hour')"
    )
    await conductor.sweep()
    await conductor.send_email.many(
        [ADA, (ADA, {"priority": 1}), (ADA, {"dedupe_key": "a"}), (ADA, {"dedupe_key": "b"})]
    )
    await conductor.send_email(ADA, delay="1h")
    assert [notify.payload for notify in listener.notifies(timeout=0.2)] == ["mail", "mail"]
