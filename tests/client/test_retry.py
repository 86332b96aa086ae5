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


def test_without_await(sync_conductor: SyncConductor) -> None:
    execution = sync_conductor.send_email(ADA)
    execution.cancel()
    assert execution.retry()
    execution.cancel()
    assert sync_conductor.retry(execution.id)
    assert execution.status() == "ready"
