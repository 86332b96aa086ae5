"""One poller asks for all awaited executions, soon at first and rarely later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from pgconductor.client.waits import Waits
from pgconductor.errors import ConductorError, DatabaseUnreachable
from pgconductor.store.executions import Outcome

RUNNING = Outcome("running", None, None)
DONE = Outcome("completed", "1", None)


class Database:
    """Answers what it was told, and remembers when it was asked what."""

    def __init__(self) -> None:
        self.outcomes: dict[bytes, Outcome] = {}
        self.asked: list[list[bytes]] = []
        self.times: list[float] = []
        self.error: Exception | None = None

    async def ask(self, ids: Sequence[bytes]) -> dict[bytes, Outcome]:
        self.asked.append(sorted(ids))
        self.times.append(asyncio.get_running_loop().time())
        if self.error:
            raise self.error
        return {each: self.outcomes[each] for each in ids if each in self.outcomes}


@pytest.fixture
def database() -> Database:
    return Database()


async def test_all_awaited_ids_are_asked_for_in_one_query(database: Database) -> None:
    ids = [bytes([number]) * 16 for number in range(50)]
    database.outcomes = dict.fromkeys(ids, DONE)
    waits = Waits(database.ask)
    assert await asyncio.gather(*(waits.wait(each, 5) for each in ids)) == [DONE] * 50
    # One, but for those whose 5 ms a busy machine lets pass a moment later.
    assert [each for asked in database.asked for each in asked] == ids
    assert len(database.asked) <= 3


async def test_the_first_look_comes_after_5_ms_and_the_pauses_double_up_to_half_a_second(database: Database) -> None:
    database.outcomes = {b"a": RUNNING}
    waits = Waits(database.ask)
    started = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await waits.wait(b"a", 2.2)
    pauses = [later - earlier for earlier, later in zip([started, *database.times], database.times, strict=False)]
    assert pauses[:6] == pytest.approx([0.005, 0.01, 0.02, 0.04, 0.08, 0.16], abs=0.1)
    assert pauses[-1] == pytest.approx(0.5, abs=0.2)
    assert 7 <= len(pauses) <= 12


async def test_a_new_wait_is_looked_at_soon_however_long_another_has_waited(database: Database) -> None:
    database.outcomes = {b"a": RUNNING, b"b": DONE}
    waits = Waits(database.ask)
    old = asyncio.create_task(waits.wait(b"a", None))
    await asyncio.sleep(0.7)
    started = asyncio.get_running_loop().time()
    assert await waits.wait(b"b", 5) == DONE
    assert asyncio.get_running_loop().time() - started < 0.4
    assert not old.done()
    database.outcomes[b"a"] = DONE
    assert await old == DONE


async def test_an_unknown_execution_is_none(database: Database) -> None:
    assert await Waits(database.ask).wait(b"a", 5) is None


async def test_no_time_at_all_is_one_look(database: Database) -> None:
    database.outcomes = {b"a": RUNNING, b"b": DONE}
    waits = Waits(database.ask)
    assert await waits.wait(b"b", 0) == DONE
    with pytest.raises(TimeoutError):
        await waits.wait(b"a", 0)


async def test_who_gives_up_leaves_the_others_of_the_same_execution_waiting(database: Database) -> None:
    database.outcomes = {b"a": RUNNING}
    waits = Waits(database.ask)
    patient = asyncio.create_task(waits.wait(b"a", None))
    cancelled = asyncio.create_task(waits.wait(b"a", None))
    with pytest.raises(TimeoutError):
        await waits.wait(b"a", 0.05)
    cancelled.cancel()
    database.outcomes = {b"a": DONE}
    assert await patient == DONE


async def test_nobody_is_asked_for_once_nobody_waits(database: Database) -> None:
    database.outcomes = {b"a": RUNNING}
    waits = Waits(database.ask)
    with pytest.raises(TimeoutError):
        await waits.wait(b"a", 0.05)
    asked = len(database.asked)
    await asyncio.sleep(0.3)
    assert len(database.asked) == asked


async def test_an_error_reaches_all_who_wait_and_the_next_wait_asks_anew(database: Database) -> None:
    database.error = DatabaseUnreachable("gone")
    waits = Waits(database.ask)
    errors = await asyncio.gather(waits.wait(b"a", 5), waits.wait(b"b", 5), return_exceptions=True)
    assert [type(error) for error in errors] == [DatabaseUnreachable, DatabaseUnreachable]
    database.error = None
    database.outcomes = {b"a": DONE}
    assert await waits.wait(b"a", 5) == DONE


async def test_closing_ends_all_waits_with_an_error(database: Database) -> None:
    database.outcomes = {b"a": RUNNING}
    waits = Waits(database.ask)
    waiting = asyncio.create_task(waits.wait(b"a", None))
    await asyncio.sleep(0.02)
    await waits.close()
    with pytest.raises(ConductorError, match="closed"):
        await waiting
