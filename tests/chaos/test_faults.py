"""Real worker processes under faults: nothing acknowledged is lost, nothing completed runs again, nothing leaks."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from tests.app import ledger
from tests.chaos.crew import Crew
from tests.observer import Observer
from tests.plans import make_plan, task

PLAN = make_plan(
    task("work", retry={"max_attempts": 20}),
    task("narrow", limit=2, retry={"max_attempts": 20}),
    task("kill_worker", retry={"max_attempts": 2}),
    queues={"default": {"lease_ms": 2_000, "worker_concurrency": 8, "fetch_batch_size": 20}},
)


class Scene:
    """A queue with work, the workers on it, and the verdict."""

    def __init__(self, crew: Crew, observer: Observer) -> None:
        self.crew = crew
        self.observer = observer
        self.ids: list[UUID] = []

    def enqueue(self, count: int, ms: int = 20) -> None:
        self.ids += self.observer.enqueue("work", {"ms": ms}, count=count)
        self.ids += self.observer.enqueue("narrow", {"ms": ms}, count=count // 10)

    def wait_for_completed(self, count: int, seconds: float = 60) -> None:
        self.observer.wait_until(lambda: self.observer.counts().get("completed", 0) >= count, seconds)

    def verify(self) -> None:
        """Everything ends once, and fresh work succeeds within five seconds."""
        self.wait_for_completed(len(self.ids))
        self.observer.assert_one_row_each(self.ids)
        again = self.observer.value(
            "select count(*) from ledger as l join {}.finished as f on f.id = l.execution_id"
            " where l.started_at > f.finished_at"
        )
        assert again == 0, "a completed execution ran again"
        unheard = self.observer.value(
            "select count(*) from {}.finished as f where f.state = 'completed'"
            " and not exists (select from ledger as l where l.execution_id = f.id and l.ended_at is not null)"
        )
        assert unheard == 0, "an execution completed that no handler ended"
        assert self.observer.counts() == {"completed": len(self.ids)}
        fresh = self.observer.enqueue("work", {"ms": 1}, count=5)
        self.ids += fresh
        self.wait_for_completed(len(self.ids), 5)
        self.crew.stop()
        # Killed workers stay on show for a day; they hold nothing.
        self.observer.run("delete from {}.workers where expires_at < clock_timestamp()")
        self.observer.assert_nothing_held()

    def terminate_backends(self) -> None:
        """Every connection of every worker, as an impatient administrator would."""
        self.observer.run(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name like 'pgconductor %%'"
        )


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    with Crew(tmp_path, PLAN, database) as crew:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(ledger.TABLE)
        first = crew.start()  # creates the schema
        with Observer(database) as observer:
            assert first.is_alive
            yield Scene(crew, observer)


def test_a_worker_killed_in_mid_drain_loses_nothing(scene: Scene) -> None:
    scene.enqueue(200)
    scene.wait_for_completed(20)
    scene.crew.hands[0].kill()
    scene.crew.start()
    scene.verify()


def test_a_worker_frozen_past_its_lease_changes_nothing_when_it_wakes(scene: Scene) -> None:
    scene.enqueue(1_000, ms=5)  # so fast that it has claimed many ahead, which others will have run when it wakes
    scene.wait_for_completed(200)
    frozen = scene.crew.hands[0]
    frozen.freeze()
    scene.crew.start()
    scene.observer.wait_until(lambda: "rescued" in scene.crew.hands[1].said(), 20)
    frozen.thaw()
    scene.verify()


def test_connections_that_are_terminated_all_the_time_only_delay(scene: Scene) -> None:
    scene.enqueue(200)
    for _ in range(5):
        time.sleep(0.3)
        scene.terminate_backends()
    scene.verify()


def test_a_task_that_keeps_killing_its_worker_fails_when_its_attempts_are_spent(scene: Scene) -> None:
    (deadly,) = scene.observer.enqueue("kill_worker", {}, count=1)
    for _ in range(2):
        hand = scene.crew.alive[0] if scene.crew.alive else scene.crew.start()
        hand.wait(20)
    scene.crew.start()
    row = scene.observer.wait_for(deadly, "failed", seconds=20)
    assert row["attempts"] == 2
    assert scene.observer.error(deadly)["type"] == "WorkerLost"


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_every_fault_at_random_for_a_minute(scene: Scene, seed: int) -> None:
    draw = random.Random(seed)
    scene.crew.start()
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        scene.enqueue(draw.randrange(50, 200), ms=draw.randrange(1, 40))
        time.sleep(draw.random() * 2)
        victim = draw.choice(scene.crew.alive)
        match draw.randrange(4):
            case 0:
                victim.kill()
                scene.crew.start()
            case 1:
                victim.freeze()
                time.sleep(draw.random() * 5)
                victim.thaw()
            case 2:
                scene.terminate_backends()
            case _:
                victim.send(signal.SIGTERM)
                assert victim.wait(40) == 0
                scene.crew.start()
    scene.verify()
