"""Real worker processes under faults: nothing acknowledged is lost, nothing completed runs again, nothing leaks."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.chaos.scene import Scene, sessions, terminate

# What each worker process keeps open.
ROLES = {"default claims", "default settles", "heartbeat", "maintenance", "listener"}


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
    assert "its lease had lapsed" in frozen.said()


@pytest.mark.chaos  # tests/runtime/test_tenure.py has it in short: here they must outlast the freeze
def test_handlers_that_a_freeze_interrupted_are_stopped_when_they_are_somebody_elses(scene: Scene) -> None:
    scene.ids = scene.observer.enqueue("work", {"ms": 20_000}, count=4)
    scene.observer.wait_until(lambda: len(scene.runs()) == 4)
    frozen = scene.crew.hands[0]
    frozen.freeze()
    scene.crew.start()
    scene.observer.wait_until(lambda: scene.crew.hands[1].said().count("rescued") == 4, 20)
    frozen.thaw()
    scene.observer.wait_until(lambda: frozen.said().count("stopping ") == 4, 10)
    scene.verify()
    assert {run.pid for run in scene.runs() if run.ended_at and run.execution_id in scene.ids[:4]} == {
        scene.crew.hands[1].pid
    }


def test_connections_that_are_terminated_all_the_time_only_delay(scene: Scene) -> None:
    scene.enqueue(200)
    for _ in range(5):
        time.sleep(0.3)
        for pids in sessions(scene.observer).values():
            terminate(scene.observer, pids)
    scene.verify()


def test_each_connection_can_be_terminated_at_any_moment(scene: Scene) -> None:
    draw = random.Random(7)
    ended: dict[str, int] = dict.fromkeys(ROLES, 0)
    deadline = time.monotonic() + 60
    while min(ended.values()) < 2:
        assert time.monotonic() < deadline, ended
        if len(scene.ids) - scene.completed < 50:
            scene.enqueue(100, ms=10)
        time.sleep(draw.random() * 0.1)
        open_now = sessions(scene.observer)
        fewest = min(ROLES & open_now.keys(), key=lambda role: ended[role], default=None)
        if fewest is not None:
            ended[fewest] += terminate(scene.observer, open_now[fewest])
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
        match draw.randrange(5):
            case 0:
                victim.kill()
                scene.crew.start()
            case 1:
                victim.freeze()
                time.sleep(draw.random() * 5)
                victim.thaw()
            case 2:
                for pids in sessions(scene.observer).values():
                    terminate(scene.observer, pids)
            case 3:
                role = draw.choice(sorted(sessions(scene.observer)) or ["none"])
                terminate(scene.observer, sessions(scene.observer).get(role, []))
            case _:
                victim.send(signal.SIGTERM)
                assert victim.wait(40) == 0
                scene.crew.start()
    scene.verify()
