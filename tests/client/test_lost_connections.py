"""SEMANTICS, "Enqueue": a retried call after a lost reply cannot duplicate; nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import psycopg
import pytest

from pgconductor.errors import DatabaseUnreachable
from pgconductor.plan.model import Plan
from pgconductor.store import pool as pool_module
from pgconductor.store.apply import apply
from pgconductor.store.pool import Pool
from pgconductor.store.query import AnyAsyncConnection, Query, Rows, run
from pgconductor.store.writer import Writer
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Numbered
from tests.database import PrivateServer

KILL = (
    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
    " where application_name like 'pgconductor client%%' and datname = current_database()"
)


class Line:
    """Executes statements, and loses the replies that it is told to lose."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lose = 0
        self.meanwhile: Callable[[], None] = lambda: None
        monkeypatch.setattr(pool_module, "run", self.run)

    async def run(self, connection: AnyAsyncConnection, queries: Sequence[Query]) -> list[Rows]:
        rows = await run(connection, queries)
        if self.lose and "enqueue" not in queries[0].text and "insert" in queries[0].text:
            self.lose -= 1
            self.meanwhile()
            await connection.close()
            raise psycopg.OperationalError("the connection is lost")
        return rows


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(monkeypatch)


async def test_what_was_committed_before_the_reply_was_lost_is_not_enqueued_again(
    line: Line, conductor: Conductor, backstage: Backstage
) -> None:
    line.lose = 1
    executions = await conductor.latest.many([Numbered(number=number) for number in range(100)])
    assert line.lose == 0
    assert [row["id"] for row in backstage.rows()] == [execution.id for execution in executions]


@pytest.mark.parametrize("state", ["running", "completed"])
async def test_not_even_when_it_has_run_meanwhile(
    line: Line, conductor: Conductor, backstage: Backstage, state: str
) -> None:
    def meanwhile() -> None:
        (row,) = backstage.rows("select id from pgconductor.ready")
        backstage.start(row["id"]) if state == "running" else backstage.run(row["id"])

    line.lose, line.meanwhile = 1, meanwhile
    execution = await conductor.latest(Numbered(number=1))
    assert [(row["id"], row["state"]) for row in backstage.rows()] == [(execution.id, state)]


async def test_what_was_not_committed_is_enqueued_now(
    monkeypatch: pytest.MonkeyPatch, conductor: Conductor, backstage: Backstage
) -> None:
    lost = False

    async def lose_before(connection: AnyAsyncConnection, queries: Sequence[Query]) -> list[Rows]:
        nonlocal lost
        if not lost:
            lost = True
            await connection.close()
        return await run(connection, queries)

    monkeypatch.setattr(pool_module, "run", lose_before)
    execution = await conductor.latest(Numbered(number=1))
    assert lost
    assert [row["id"] for row in backstage.rows()] == [execution.id]


async def test_a_task_that_keeps_nothing_is_not_sent_again_but_says_that_it_is_unknown(
    line: Line, conductor: Conductor, backstage: Backstage
) -> None:
    line.lose = 1
    line.meanwhile = lambda: backstage.forget(backstage.rows("select id from pgconductor.ready")[0]["id"])
    with pytest.raises(DatabaseUnreachable, match="Whether they were is unknown: task `forgotten`"):
        await conductor.forgotten(Numbered(number=1))
    assert backstage.count() == 0


async def test_callers_of_one_statement_share_its_loss_only_as_far_as_they_must(
    line: Line, conductor: Conductor, backstage: Backstage
) -> None:
    line.lose = 2
    calls = [conductor.latest(Numbered(number=1)), conductor.forgotten(Numbered(number=2)), conductor.sweep()]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(answer, DatabaseUnreachable) for answer in answers] == [False, True, False]
    assert sorted(row["task"] for row in backstage.rows()) == ["forgotten", "latest", "sweep"]


async def test_a_session_that_may_still_commit_is_ended_before_anything_is_sent_again(
    plan: Plan, shop: str, backstage: Backstage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is invisible yet: to look for it would say that it is not known."""
    pool = Pool(shop, plan.database)
    await pool.open()
    abandoned: list[AnyAsyncConnection] = []

    async def abandon(connection: AnyAsyncConnection, queries: Sequence[Query]) -> list[Rows]:
        if abandoned or "insert" not in queries[0].text:
            return await run(connection, queries)
        session = await psycopg.AsyncConnection.connect(shop, application_name=pool.name)
        abandoned.append(session)
        await run(session, queries)
        raise pool_module.ConnectionLost(session.info.backend_pid, "no reply")

    monkeypatch.setattr(pool_module, "run", abandon)
    async with Conductor.connect(shop, plan=plan) as conductor:
        item = conductor.latest._maker.one(Numbered(number=1), {})
    assert await Writer(pool, plan.schema_name).enqueue([item]) == [item.id]
    await pool.close()
    with pytest.raises(psycopg.OperationalError):
        await abandoned[0].commit()
    await abandoned[0].close()
    assert [row["id"] for row in backstage.rows()] == [UUID(bytes=item.id)]


async def test_sessions_killed_in_a_loop_lose_nothing_acknowledged_and_double_nothing(
    conductor: Conductor, backstage: Backstage, shop: str
) -> None:
    acknowledged: list[UUID] = []
    stop = asyncio.Event()

    async def enqueue(number: int) -> None:
        at = 0
        while not stop.is_set():
            at += 1
            if number % 4 == 0:
                executions = await conductor.latest.many([Numbered(number=number)] * 20)
                acknowledged.extend(execution.id for execution in executions)
            elif number % 4 == 1:
                acknowledged.append((await conductor.latest(Numbered(number=at), dedupe_key=f"{number} {at}")).id)
            else:
                acknowledged.append((await conductor.latest(Numbered(number=at))).id)

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(shop, autocommit=True) as worker:
            while not stop.is_set():
                await worker.execute(
                    "with gone as (delete from pgconductor.ready where random() < 0.5 returning *)"
                    " insert into pgconductor.finished (id, run_at, created_at, finished_at, attempts, priority,"
                    " version, state, queue, task, payload) select id, run_at, created_at, pgconductor.clock(), 1,"
                    " priority, version, 'completed', queue, task, payload from gone"
                )

    callers = [asyncio.create_task(enqueue(number)) for number in range(12)]
    worker = asyncio.create_task(work())
    killed = 0
    for _ in range(25):
        await asyncio.sleep(0.06)
        killed += backstage.value(KILL)
    stop.set()
    await asyncio.gather(*callers, worker)
    stored = [row["id"] for row in backstage.rows("select id from pgconductor.executions")]
    assert killed > 10
    assert len(acknowledged) > 100
    assert len(stored) == len(set(stored))
    assert set(stored) == set(acknowledged)


async def test_a_broken_connection_in_the_pool_is_noticed_before_anything_is_sent(
    conductor: Conductor, backstage: Backstage
) -> None:
    """Even a task that cannot be sent again survives a restart of the server between two enqueues."""
    for _ in range(5):
        await conductor.forgotten(Numbered(number=1))
        backstage.value(KILL)
        await asyncio.sleep(0.05)
    assert backstage.count() == 5


async def test_waits_outlive_lost_connections(conductor: Conductor, backstage: Backstage) -> None:
    execution = await conductor.sweep()
    waiting = asyncio.create_task(execution.wait(timeout=20))
    for _ in range(5):
        await asyncio.sleep(0.05)
        backstage.value(KILL)
    backstage.run(execution.id)
    assert await waiting == "completed"


async def test_a_server_that_crashes_and_comes_back(private_server: PrivateServer, plan: Plan) -> None:
    apply(private_server.dsn, plan)
    quick = plan.model_copy(
        update={
            "database": plan.database.model_copy(
                update={"pool": plan.database.pool.model_copy(update={"timeout_ms": 20_000})}
            )
        }
    )
    acknowledged: list[UUID] = []
    stop = asyncio.Event()
    async with Conductor.connect(private_server.dsn, plan=quick) as conductor:

        async def enqueue(number: int) -> None:
            while not stop.is_set():
                acknowledged.append((await conductor.latest(Numbered(number=number))).id)

        callers = [asyncio.create_task(enqueue(number)) for number in range(10)]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(private_server.stop, "immediate")
        before = len(acknowledged)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(private_server.start)
        started = asyncio.get_running_loop().time()
        while len(acknowledged) < before + 100:
            await asyncio.sleep(0.05)
            assert asyncio.get_running_loop().time() - started < 15
        stop.set()
        await asyncio.gather(*callers)
    with Backstage(private_server.dsn) as backstage:
        stored = [row["id"] for row in backstage.rows()]
    assert len(stored) == len(set(stored))
    assert set(stored) == set(acknowledged)


async def test_a_server_that_stays_away_is_unreachable_and_whether_anything_was_written_is_said(
    private_server: PrivateServer, plan: Plan
) -> None:
    apply(private_server.dsn, plan)
    impatient = plan.model_copy(
        update={
            "database": plan.database.model_copy(
                update={"pool": plan.database.pool.model_copy(update={"timeout_ms": 700})}
            )
        }
    )
    async with Conductor.connect(private_server.dsn, plan=impatient) as conductor:
        await conductor.sweep()
        await asyncio.to_thread(private_server.stop, "fast")
        with pytest.raises(DatabaseUnreachable, match="cannot reach the database"):
            await conductor.sweep()
        with pytest.raises(DatabaseUnreachable, match="cannot reach the database"):
            await conductor.status(UUID(int=0))
