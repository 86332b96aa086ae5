"""Workers through PgBouncer in transaction mode: woken by `listen_url`, or polling; nothing prepared, nothing set."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.store.session import open_session
from tests.pooler import count_prepared, pooled
from tests.runtime.stage import ROOT, Stage, worker_of


@pytest.fixture
def pooler(stage: Stage) -> Iterator[str]:
    with pooled(stage.dsn) as dsn:
        yield dsn


async def test_polling_alone_does_the_work(stage: Stage, pooler: str) -> None:
    tries: list[int] = []

    @stage.task(retry={"max_attempts": 2})
    async def shaky(payload: Any, ctx: Any) -> None:
        tries.append(ctx.attempt)
        if payload.n == 0 and ctx.attempt == 1:
            raise ValueError("again")

    @stage.task(limit=2)
    async def narrow(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.01)

    async with stage.running(url=pooler, poll_interval_ms=100) as orchestrator:
        ids = [stage.observer.one("shaky", {"n": n}) for n in range(30)]
        ids += stage.observer.enqueue("narrow", count=10)
        later = stage.observer.one("shaky", {"n": 1}, delay_ms=300)
        await stage.until(lambda: stage.observer.counts() == {"completed": 41}, 30)
        assert not worker_of(orchestrator).claimer.listening
        # The second is enqueued while the worker sleeps: only a poll can find it.
        await asyncio.sleep(0.3)
        assert (await stage.ended(stage.observer.one("shaky", {"n": 2})))["state"] == "completed"
        assert stage.observer.value("select count(*) from {}.workers where idle") == 0  # nobody could wake it
    assert tries.count(2) == 1
    assert count_prepared(pooler) == 0
    stage.observer.assert_one_row_each([*ids, later])
    stage.observer.assert_nothing_held()


async def test_it_is_woken_through_a_direct_connection(stage: Stage, pooler: str) -> None:
    @stage.task()
    async def quick(payload: Any, ctx: Any) -> None:
        pass

    plan = stage.plan(poll_interval_ms=60_000, lease_ms=60_000)
    database = plan.database.model_copy(update={"url": pooler, "listen_url": stage.dsn})
    async with Orchestrator(plan.model_copy(update={"database": database}), ROOT) as orchestrator:
        worker = worker_of(orchestrator)
        await stage.until(lambda: worker.claimer.listening and worker.claimer.idle, 20)
        for _ in range(3):
            await stage.ended(stage.observer.one("quick"), 20)  # a poll comes once a minute
            await stage.until(lambda: worker.claimer.idle, 20)
    stage.observer.assert_nothing_held()


async def test_backends_that_are_killed_behind_it_only_delay(stage: Stage, pooler: str) -> None:
    @stage.task(retry={"max_attempts": 1})
    async def brief(payload: Any, ctx: Any) -> None:
        await asyncio.sleep(0.005)

    async with stage.running(url=pooler, poll_interval_ms=100, lease_ms=60_000):
        ids = stage.observer.enqueue("brief", count=300)
        for _ in range(5):
            await asyncio.sleep(0.1)
            stage.observer.value(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
        await stage.until(lambda: stage.observer.counts() == {"completed": 300}, 60)
    stage.observer.assert_one_row_each(ids)


async def test_a_connection_notices_by_itself_that_nobody_answers(stage: Stage, pooler: str) -> None:
    session = await open_session(pooler, "test")
    async with session.connection as connection:
        assert session.pooled
        assert connection.prepare_threshold is None
        with socket.socket(fileno=os.dup(connection.pgconn.socket)) as wire:
            assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    slow = f"{pooler}&tcp_user_timeout=60000"
    async with (await open_session(slow, "test")).connection as connection:
        with socket.socket(fileno=os.dup(connection.pgconn.socket)) as wire:
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
