"""What a handle says of an execution's end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from pgconductor.errors import ExecutionCancelled, ExecutionFailed, ExecutionNotFound, ResultTimeout, ValidationError
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Email, Numbered, Sent, send_email

ADA = Email(to="ada@example.org")


async def test_the_result_is_of_the_tasks_type(conductor: Conductor, backstage: Backstage) -> None:
    execution = await conductor.send_email(ADA)
    waiting = asyncio.create_task(execution.result(timeout="5s"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    backstage.run(execution.id, '{"message_id": "m1", "added later": 1}')
    assert await waiting == Sent(message_id="m1")
    assert await execution.wait() == "completed"
    assert await execution.status() == "completed"


async def test_a_task_without_a_result_has_none(conductor: Conductor, backstage: Backstage) -> None:
    execution = await conductor.sweep()
    backstage.run(execution.id)
    assert await execution.result(timeout=timedelta(seconds=5)) is None  # type: ignore[func-returns-value]


async def test_a_failed_one_says_which_error_and_its_message(conductor: Conductor, backstage: Backstage) -> None:
    execution = await conductor.send_email(ADA)
    backstage.start(execution.id)
    backstage.finish(
        execution.id, None, "failed", '{"type": "SMTPError", "message": "no such user", "traceback": "..."}'
    )
    with pytest.raises(
        ExecutionFailed, match=rf"{execution.id} of task `send_email` failed: SMTPError: no such user"
    ) as info:
        await execution.result(timeout=5)
    assert (info.value.error_type, info.value.execution_id) == ("SMTPError", str(execution.id))
    assert await execution.wait() == "failed"


async def test_a_cancelled_one_says_why(conductor: Conductor) -> None:
    execution = await conductor.send_email(ADA)
    assert await execution.cancel("the customer left")
    with pytest.raises(ExecutionCancelled, match="was cancelled: the customer left"):
        await execution.result(timeout=5)
    assert await execution.wait() == "cancelled"


@pytest.mark.parametrize("timeout", ["50ms", 0.05, timedelta(milliseconds=50), 0])
async def test_a_timeout_says_that_it_goes_on(conductor: Conductor, timeout: str | float | timedelta) -> None:
    execution = await conductor.send_email(ADA)
    with pytest.raises(ResultTimeout, match=r"had not ended after .*; it goes on"):
        await execution.result(timeout=timeout)
    assert await execution.status() == "ready"


async def test_a_timeout_that_is_no_duration_is_refused(conductor: Conductor) -> None:
    execution = await conductor.send_email(ADA)
    with pytest.raises(ValidationError, match='`timeout` is refused: "5" is not a duration'):
        await execution.result(timeout="5")


async def test_one_that_was_not_kept_says_so(conductor: Conductor, backstage: Backstage) -> None:
    execution = await conductor.forgotten(Numbered(number=1))
    waiting = asyncio.create_task(execution.result(timeout=5))
    await asyncio.sleep(0.05)
    backstage.forget(execution.id)
    with pytest.raises(ExecutionNotFound, match=r'retention has passed \(a retention of "0s" keeps nothing\)'):
        await waiting


async def test_an_unknown_one_is_not_found(conductor: Conductor) -> None:
    execution = conductor.execution(uuid4())
    for ask in (execution.result, execution.wait, execution.status):
        with pytest.raises(ExecutionNotFound):
            await ask()


async def test_a_handle_made_from_an_id_knows_its_type_from_the_task(
    conductor: Conductor, backstage: Backstage
) -> None:
    enqueued = await conductor.send_email(ADA)
    backstage.run(enqueued.id, '{"message_id": "m1"}')
    assert await conductor.execution(enqueued.id, send_email).result() == Sent(message_id="m1")
    assert await conductor.execution(str(enqueued.id)).result() == {"message_id": "m1"}
    assert conductor.execution(enqueued.id) == enqueued
    assert (conductor.execution(enqueued.id).task, enqueued.task) == (None, "send_email")


async def test_a_handle_from_what_is_no_id_is_refused(conductor: Conductor) -> None:
    with pytest.raises(ValidationError, match="`id` is a UUID, not 'nonsense'"):
        conductor.execution("nonsense")


async def test_handles_show_what_they_are(conductor: Conductor) -> None:
    name = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    assert repr(conductor.execution(name)) == "<Execution 01890a5d-ac96-774b-bcce-b302099a8057>"
    assert repr(conductor.execution(name, send_email)).endswith("8057 of send_email>")
    assert len({conductor.execution(name), conductor.execution(name)}) == 1


async def test_an_execution_is_found_at_every_moment_of_its_moves(
    conductor: Conductor, backstage: Backstage, shop: str
) -> None:
    """A look that falls between two tables must not say that there is no such execution."""
    execution = await conductor.send_email(ADA)
    stop = asyncio.Event()

    async def move() -> None:
        columns = "id, run_at, created_at, attempts, priority, version, queue, task, payload"
        async with await psycopg.AsyncConnection.connect(shop, autocommit=True) as worker:
            while not stop.is_set():
                for source, target in (("ready", "scheduled"), ("scheduled", "ready")):
                    await worker.execute(
                        f"with gone as (delete from pgconductor.{source} returning *)"
                        f" insert into pgconductor.{target} ({columns}) select {columns} from gone"
                    )

    moving = asyncio.create_task(move())
    states = {await execution.status() for _ in range(300)}
    stop.set()
    await moving
    assert states == {"ready", "scheduled"}
