"""Through PgBouncer in transaction mode: no prepared statements, no settings, every statement on another backend."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from pgconductor.plan.model import Plan
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Numbered
from tests.pooler import count_prepared, pooled


@pytest.fixture
def pooler(shop: str) -> Iterator[str]:
    with pooled(shop) as dsn:
        yield dsn


async def test_everything_works_through_it(pooler: str, plan: Plan, backstage: Backstage) -> None:
    async with Conductor.connect(pooler, plan=plan) as conductor:
        for round in range(5):
            singles = [conductor.latest(Numbered(number=number)) for number in range(20)]
            keyed = [
                conductor.latest(Numbered(number=number), dedupe_key=f"{round % 2} {number}") for number in range(20)
            ]
            await asyncio.gather(*singles, *keyed)
        mixed = await conductor.latest.many(
            [Numbered(number=1), (Numbered(number=2), {"dedupe_key": "k"}), (Numbered(number=3), {"delay": "1h"})]
        )
        assert [await execution.status() for execution in mixed] == ["ready", "ready", "scheduled"]
        assert await mixed[0].cancel()
        assert await mixed[0].wait(timeout=5) == "cancelled"
    assert backstage.count() == 5 * 20 + 2 * 20 + 3
    assert count_prepared(pooler) == 0


async def test_sessions_killed_behind_it_lose_nothing_and_double_nothing(
    pooler: str, plan: Plan, backstage: Backstage
) -> None:
    async with Conductor.connect(pooler, plan=plan) as conductor:

        async def enqueue() -> list[object]:
            return [(await conductor.latest(Numbered(number=number))).id for number in range(30)]

        callers = [asyncio.create_task(enqueue()) for _ in range(5)]
        for _ in range(10):
            await asyncio.sleep(0.03)
            backstage.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        acknowledged = {name for names in await asyncio.gather(*callers) for name in names}
    assert len(acknowledged) == 150
    assert {row["id"] for row in backstage.rows()} == acknowledged
    assert backstage.count() == 150
