"""SEMANTICS, "Cancel", as far as it is asked of the database."""

from __future__ import annotations

from uuid import uuid4

import pytest

from pgconductor.errors import ValidationError
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Email, Numbered

ADA = Email(to="ada@example.org")


async def test_one_that_does_not_run_ends_cancelled_at_once(conductor: Conductor, backstage: Backstage) -> None:
    ready = await conductor.send_email(ADA, tags=["t"])
    scheduled = await conductor.send_email(ADA, delay="1h")
    for execution in (ready, scheduled):
        assert await conductor.cancel(execution.id, reason="changed my mind")
        row = backstage.row(execution.id)
        assert (row["state"], row["error"]) == ("cancelled", {"type": "Cancelled", "message": "changed my mind"})
    assert backstage.row(ready.id)["tags"] == ["t"]


async def test_one_that_runs_is_asked_and_told_the_first_reason(conductor: Conductor, backstage: Backstage) -> None:
    execution = await conductor.send_email(ADA)
    backstage.start(execution.id)
    assert await execution.cancel("first")
    assert await execution.cancel("second")
    assert await execution.status() == "running"
    assert backstage.value("select cancel_reason from pgconductor.running") == "first"


async def test_one_that_ended_or_never_was_is_false(conductor: Conductor, backstage: Backstage) -> None:
    execution = await conductor.sweep()
    backstage.run(execution.id)
    assert not await execution.cancel()
    assert await execution.status() == "completed"
    assert not await conductor.cancel(uuid4())


async def test_cancelling_twice_changes_nothing_the_second_time(conductor: Conductor, backstage: Backstage) -> None:
    execution = await conductor.send_email(ADA)
    assert await execution.cancel("first")
    before = backstage.rows()
    assert not await execution.cancel("second")
    assert backstage.rows() == before


async def test_all_of_a_task_a_queue_or_a_tag(conductor: Conductor, backstage: Backstage) -> None:
    await conductor.send_email.many([ADA] * 3, tags=["a", "b"])
    await conductor.latest.many([Numbered(number=1)] * 2, tags=["b"])
    running = await conductor.latest(Numbered(number=2), delay="1h")
    assert await conductor.cancel_all(queue="mail", tag="nothing") == 0
    assert await conductor.cancel_all(queue="mail", tag="a", reason="spam") == 3
    assert await conductor.cancel_all(tag="b") == 2
    assert await conductor.cancel_all(task="latest") == 1
    assert {row["state"] for row in backstage.rows()} == {"cancelled"}
    assert await running.status() == "cancelled"


async def test_cancelling_all_takes_as_many_statements_as_it_needs(conductor: Conductor) -> None:
    await conductor.sweep.many([conductor.sweep.task.payload()] * 1_234)
    assert await conductor.cancel_all(task="sweep") == 1_234


async def test_cancelling_everything_or_of_no_known_task_is_refused(conductor: Conductor) -> None:
    with pytest.raises(ValidationError, match="a `task`, a `queue` or a `tag`"):
        await conductor.cancel_all()
    with pytest.raises(ValidationError, match="no task `send_mail`; did you mean `send_email`"):
        await conductor.cancel_all(task="send_mail")


async def test_where_no_worker_made_partitions_for_days_cancel_makes_its_own(
    conductor: Conductor, backstage: Backstage
) -> None:
    execution = await conductor.sweep()
    for row in backstage.rows(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'pgconductor.finished'::regclass"
    ):
        backstage.connection.execute(f"drop table {row['name']}")
    assert await execution.cancel()
    assert await execution.status() == "cancelled"
