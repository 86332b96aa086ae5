"""A worker is killed between any two steps, and between the effect of a step and its record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgconductor.errors import ConductorError
from pgconductor.plan.model import EventPlan
from pgconductor.store.scratch import Scratch
from pgconductor.testing import Crash, CrashMatrix
from pgconductor.testing.project import Databases, Project
from pgconductor.testing.victim import Point
from tests.app import tasks
from tests.app.tasks import Work
from tests.durable.order import EFFECTS, PAID, TABLES, Paid
from tests.plans import make_plan, task

ROOT = Path(__file__).parents[2]
WAITS = ("paid", "cool off", "ship", "copies")


def served(name: str, **changes: Any) -> Any:
    return task(name, handler=f"tests.durable.order:{name}", **changes)


@pytest.fixture
def effects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "effects"
    monkeypatch.setenv(EFFECTS, str(file))
    return file


@pytest.fixture
def matrix(server: str, effects: Path) -> Iterator[CrashMatrix]:
    names = ("order", "parcel", "copy", "sync_order", "forgotten", "moody", "waiting")
    event = EventPlan(
        name="order.paid", payload="Paid", fields=None, description=None, retention_ms=30 * 24 * 3_600_000, contract="1"
    )
    plan = make_plan(
        *(served(f"answer_{name}") for name in names),
        served("answer_once", retry={"max_attempts": 1}),
        events={"order.paid": event},
    )

    def create_tables(url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(TABLES)

    with Scratch(server) as scratch:
        yield CrashMatrix(Databases(Project.of(plan, ROOT), scratch, create_tables))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_an_order_survives_a_kill_at_any_point(matrix: CrashMatrix, effects: Path) -> None:
    seen: list[Crash[Any]] = []

    def check(crash: Crash[Any]) -> None:
        seen.append(crash)
        assert crash.result == [7, "receipt 7", 7, "delivered", [0, 1, 2]], crash.error
        with psycopg.connect(crash.url) as connection:
            assert connection.execute("select n from reserved").fetchall() == [(7,)]
            assert connection.execute("select n from shipped").fetchall() == [(7,)]
            told = "select count(*) from pgconductor.events where name = 'order.paid'"
            assert connection.execute(told).fetchone() == (2,), "the one that was answered, and the order's own"
            attempts = "select attempts from pgconductor.executions where task = 'answer_order'"
            # A crash costs an attempt, and an execution that is parked has none under way.
            free = crash.point is None or (crash.point.moment == "after" and crash.point.step in WAITS)
            assert connection.execute(attempts).fetchone() == (1 if free else 2,)
        # Only between its effect and its record may a step have run twice.
        twice = crash.point == Point("charge", "before")
        assert effects.read_text().count("charge 7") == (2 if twice else 1)
        effects.unlink()

    points = matrix(tasks.answer_order, Work(n=7), check, events={PAID: Paid(order=7)})
    calls = ["reserve", "charge", "paid", "cool off", "ship", "copies", "tell"]
    expected = [Point(call, moment) for call in calls for moment in ("before", "after")]
    assert points == [*expected, Point("", "before")]
    assert [crash.point for crash in seen] == [None, *points]
    assert Counter(crash.state for crash in seen) == {"completed": len(points) + 1}


def test_a_sync_handler_survives_them_too(matrix: CrashMatrix) -> None:
    def check(crash: Crash[Any]) -> None:
        assert crash.result == "receipt 1"
        with psycopg.connect(crash.url) as connection:
            assert connection.execute("select n from reserved").fetchall() == [(1,)]

    points = matrix(tasks.answer_sync_order, Work(n=1), check)
    assert [point.step for point in points] == ["reserve"] * 2 + ["charge"] * 2 + [""]


def test_an_effect_outside_of_steps_is_found_to_happen_twice(matrix: CrashMatrix, effects: Path) -> None:
    def check(crash: Crash[Any]) -> None:
        count = effects.read_text().count("charge 1")
        effects.unlink()
        assert count == 1, f"charged {count} times"

    with pytest.raises(AssertionError, match="charged 2 times") as caught:
        matrix(tasks.answer_forgotten, Work(n=1), check)
    assert caught.value.__notes__ == [
        "crash matrix of task `answer_forgotten`: the worker was killed before `note` was recorded"
    ]


def test_a_handler_that_ends_otherwise_after_a_crash_is_found(matrix: CrashMatrix) -> None:
    with pytest.raises(AssertionError, match=r"it ended failed, completed undisturbed: .*never again"):
        matrix(tasks.answer_moody, Work(), lambda crash: None)


def test_a_wait_that_nothing_answers_is_named(matrix: CrashMatrix) -> None:
    with pytest.raises(AssertionError, match=r"waits for `order.paid` at `paid`: give `events`"):
        matrix(tasks.answer_waiting, Work(), lambda crash: None)


def test_a_task_that_a_crash_would_end_is_refused(matrix: CrashMatrix) -> None:
    with pytest.raises(ConductorError, match="has one attempt, and a crash spends it"):
        matrix(tasks.answer_once, Work(), lambda crash: None)
