"""The synchronous conductor: the same, from any thread."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from pgconductor.client.portal import Portal
from pgconductor.errors import ConductorError, ExecutionFailed, ResultTimeout, ValidationError
from pgconductor.plan.model import Plan
from tests.client.backstage import Backstage
from tests.client.shop import Email, Numbered, Sent, SyncConductor, send_email

ADA = Email(to="ada@example.org")


def test_enqueue_wait_and_cancel(sync_conductor: SyncConductor, backstage: Backstage) -> None:
    execution = sync_conductor.send_email(ADA, priority=5, delay="0s")
    assert backstage.row(execution.id)["priority"] == 5
    with pytest.raises(ResultTimeout):
        execution.result(timeout="20ms")
    backstage.run(execution.id, '{"message_id": "m"}')
    assert execution.result(timeout=5) == Sent(message_id="m")
    assert (execution.wait(), execution.status()) == ("completed", "completed")
    assert not execution.cancel()
    assert sync_conductor.execution(execution.id, send_email).result() == Sent(message_id="m")
    assert sync_conductor.status(execution.id) == "completed"


def test_options_and_errors_are_the_same(sync_conductor: SyncConductor, backstage: Backstage) -> None:
    assert sync_conductor.sweep(throttle="1h") is not None
    assert sync_conductor.sweep(throttle="1h") is None
    assert sync_conductor.send_email.many([ADA], throttle=None)[0].id.version == 7
    with pytest.raises(ValidationError, match="`priority`"):
        sync_conductor.send_email(ADA, priority=1_000)
    execution = sync_conductor.send_email(ADA, id=uuid4())
    backstage.start(execution.id)
    backstage.finish(execution.id, None, "failed", '{"type": "E", "message": "m"}')
    with pytest.raises(ExecutionFailed):
        execution.result()


def test_cancel_and_invoke_by_name(sync_conductor: SyncConductor) -> None:
    execution = sync_conductor.invoke_json("send_email", '{"to": "a"}', {"tags": ["t"]})
    assert execution is not None
    assert sync_conductor.cancel_all(tag="t") == 1
    assert not sync_conductor.cancel(execution.id)


def test_threads_share_statements(sync_conductor: SyncConductor, backstage: Backstage) -> None:
    barrier = threading.Barrier(20)

    def caller(number: int) -> None:
        barrier.wait()
        for _ in range(10):
            sync_conductor.latest(Numbered(number=number))

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(caller, range(20)))
    assert backstage.count() == 200
    assert backstage.value("select count(distinct xmin::text) from pgconductor.ready") < 150


def test_an_interrupt_of_the_caller_ends_its_wait(sync_conductor: SyncConductor) -> None:
    execution = sync_conductor.sweep()
    timer = threading.Timer(0.2, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        execution.result(timeout=20)
    assert execution.cancel()


def test_no_thread_is_left(plan: Plan, shop: str) -> None:
    before = threading.active_count()
    with SyncConductor.connect(shop, plan=plan) as conductor:
        conductor.sweep()
    conductor.close()
    assert threading.active_count() == before


def test_an_opening_that_fails_leaves_no_thread(plan: Plan) -> None:
    before = threading.active_count()
    with pytest.raises(Exception, match="cannot reach"):
        SyncConductor.connect("postgresql://127.0.0.1:1/nothing", plan=plan).open()
    assert threading.active_count() == before


def test_a_call_that_comes_as_the_loop_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    portal, close, refused = Portal(), asyncio.SelectorEventLoop.close, []

    async def nothing() -> None: ...

    def call() -> None:
        with pytest.raises(ConductorError, match="was closed"):
            portal.call(nothing())
        refused.append(True)

    late = threading.Thread(target=call, daemon=True)

    def close_late(loop: asyncio.SelectorEventLoop) -> None:
        late.start()
        late.join(1)
        close(loop)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "close", close_late)
    portal.close()
    monkeypatch.undo()
    late.join(1)
    assert refused == [True]


def test_two_threads_may_close(shop: str, plan: Plan, backstage: Backstage) -> None:
    conductor = SyncConductor.connect(shop, plan=plan)
    conductor.open()
    with psycopg.connect(shop) as blocker, ThreadPoolExecutor(3) as pool:
        blocker.execute("lock table pgconductor.ready_default in exclusive mode")
        call = pool.submit(conductor.sweep)
        while not backstage.value("select count(*) from pg_locks where not granted"):
            time.sleep(0.01)
        first = pool.submit(conductor.close)
        while conductor.link._link._opened is not None:
            time.sleep(0.01)
        second = pool.submit(conductor.close)
        second.result(5)
        blocker.rollback()
        first.result(5)
        call.result(5)
    assert backstage.count() == 1
