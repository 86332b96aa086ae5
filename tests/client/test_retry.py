"""SEMANTICS, "Retries", as far as clients ask for them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from pgconductor.errors import ValidationError
from tests.client.shop import Conductor, Email, SyncConductor

ADA = Email(to="ada@example.org")


async def test_what_was_cancelled_can_run_again(conductor: Conductor) -> None:
    execution = await conductor.send_email(ADA)
    assert not await execution.retry()
    await execution.cancel()
    assert await execution.retry()
    assert await execution.status() == "ready"
    await execution.cancel()
    assert await conductor.retry(execution.id)
    assert not await conductor.retry(uuid4())


async def test_a_step_that_is_not_there_is_refused_by_name(conductor: Conductor) -> None:
    execution = await conductor.send_email(ADA)
    await execution.cancel()
    with pytest.raises(ValidationError, match='it has no step "charge"; it has none'):
        await execution.retry(from_step="charge")
    with pytest.raises(ValidationError, match="cannot be retried"):
        await conductor.retry(execution.id, from_step="charge")
    assert await execution.status() == "cancelled"


async def test_all_of_a_task_a_queue_or_a_tag(conductor: Conductor) -> None:
    tagged = await conductor.send_email.many([ADA] * 3, tags=["a", "b"])
    other = await conductor.send_email(ADA, tags=["b"])
    await conductor.cancel_all(queue="mail")
    assert await conductor.retry_all(queue="mail") == 0, "they were cancelled and have not failed"
    assert await conductor.retry_all(tag="a", queue="elsewhere", state="cancelled") == 0
    assert await conductor.retry_all(tag="a", state="cancelled") == 3
    assert [await execution.status() for execution in (*tagged, other)] == ["ready"] * 3 + ["cancelled"]
    assert await conductor.retry_all(task="send_email", state="cancelled") == 1
    assert await conductor.retry_all(task="send_email", state="cancelled") == 0


async def test_retrying_all_takes_as_many_statements_as_it_needs(conductor: Conductor) -> None:
    await conductor.sweep.many([conductor.sweep.task.payload()] * 1_234)
    await conductor.cancel_all(task="sweep")
    assert await conductor.retry_all(task="sweep", state="cancelled") == 1_234


async def test_retrying_all_leaves_what_cannot_be(conductor: Conductor) -> None:
    execution = await conductor.send_email(ADA)
    await execution.cancel()
    assert await conductor.retry_all(task="send_email", state="cancelled", from_step="charge") == 0
    assert await execution.status() == "cancelled"


async def test_retrying_everything_or_of_no_known_task_or_state_is_refused(conductor: Conductor) -> None:
    with pytest.raises(ValidationError, match="retry_all takes a `task`, a `queue` or a `tag`"):
        await conductor.retry_all()
    with pytest.raises(ValidationError, match="no task `send_mail`; did you mean `send_email`"):
        await conductor.retry_all(task="send_mail")
    with pytest.raises(ValidationError, match="nothing that is 'completed'"):
        await conductor.retry_all(queue="mail", state="completed")  # type: ignore[arg-type]


def test_without_await(sync_conductor: SyncConductor) -> None:
    execution = sync_conductor.send_email(ADA)
    execution.cancel()
    assert execution.retry()
    execution.cancel()
    assert sync_conductor.retry(execution.id)
    assert execution.status() == "ready"
    execution.cancel()
    assert sync_conductor.retry_all(queue="mail", state="cancelled") == 1
