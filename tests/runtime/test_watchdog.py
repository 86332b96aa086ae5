"""A handler that blocks the event loop: it is named, and no lease is lost meanwhile."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from pgconductor.runtime.watchdog import Watchdog
from tests.runtime.stage import Stage, worker_of


async def test_a_handler_that_blocks_the_loop_is_named_and_loses_no_lease(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    @stage.task()
    async def sleepyhead(payload: Any, ctx: Any) -> None:
        doze_for_seconds(payload.ms / 1000)

    async with stage.running(lease_ms=1_500) as orchestrator:
        id = stage.observer.one("sleepyhead", {"ms": 4_000})
        row = await stage.ended(id, 20)
        assert (row["state"], row["attempts"]) == ("completed", 1)
        assert worker_of(orchestrator).report.lost == 0
    (warning,) = [record.getMessage() for record in caplog.records if "has been blocked" in record.getMessage()]
    assert "doze_for_seconds" in warning
    assert "sleepyhead" in warning
    assert "runtime/slots.py" not in warning  # from the handler's first frame on
    assert [record for record in caplog.records if "had lapsed" in record.getMessage()] == []


def doze_for_seconds(seconds: float) -> None:
    time.sleep(seconds)


async def test_a_loop_that_turns_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(blocked_after=5.0)
    watchdog.start()
    await asyncio.sleep(0.6)
    watchdog.stop()
    assert caplog.records == []


async def test_each_time_it_is_blocked_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(blocked_after=0.1)
    watchdog.start()
    for _ in range(2):
        await asyncio.sleep(0.6)
        caplog.clear()
        time.sleep(1.2)  # noqa: ASYNC251
        await asyncio.sleep(0)
        assert len([record for record in caplog.records if "has been blocked" in record.getMessage()]) == 1
    watchdog.stop()
