"""The server crashes, goes away or answers nobody: workers are back by themselves, and all work ends once."""

from __future__ import annotations

import random
import time

import pytest

from tests.chaos.scene import Producer, Scene
from tests.database import PrivateServer

LEASE = 2.0
# Longer than the lease, so that every worker has lapsed when the server returns.
A_WHILE = LEASE + 2.0
A_MINUTE = 60.0
lengths = pytest.mark.parametrize(
    "seconds",
    [A_WHILE, pytest.param(A_MINUTE, marks=[pytest.mark.chaos, pytest.mark.timeout(300)])],
    ids=["a while", "a minute"],
)


@pytest.mark.parametrize("mode", ["immediate", pytest.param("kill", marks=pytest.mark.chaos)])
def test_a_server_that_crashes_in_mid_drain(server_scene: Scene, private_server: PrivateServer, mode: str) -> None:
    scene = server_scene
    scene.enqueue(1_000, ms=5)
    with Producer(private_server.dsn) as producer:
        scene.wait_for_completed(200)
        private_server.restart(mode)  # type: ignore[arg-type]
        scene.reconnect()
        scene.wait_for_progress()
        acknowledged = len(producer.acknowledged)
        scene.observer.wait_until(lambda: len(producer.acknowledged) > acknowledged)
    assert producer.refused > 0
    scene.ids += producer.acknowledged
    scene.verify()


@lengths
def test_a_server_that_is_away(server_scene: Scene, private_server: PrivateServer, seconds: float) -> None:
    scene = server_scene
    scene.enqueue(1_000, ms=20)
    scene.wait_for_completed(50)
    private_server.stop("fast")
    time.sleep(seconds)
    private_server.start()
    scene.reconnect()
    scene.wait_for_progress()
    scene.verify()


@lengths
def test_a_server_that_answers_nobody(server_scene: Scene, private_server: PrivateServer, seconds: float) -> None:
    scene = server_scene
    scene.enqueue(1_000, ms=20)
    scene.wait_for_completed(50)
    private_server.freeze()
    try:
        time.sleep(seconds)
        started = len(scene.runs())
        time.sleep(0.5)
        assert len(scene.runs()) == started, "executions are started although the lease may have lapsed"
    finally:
        private_server.thaw()
    scene.wait_for_progress()
    scene.verify()
    assert any("its lease had lapsed" in hand.said() for hand in scene.crew.hands)


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
def test_every_fault_of_the_server_at_random(server_scene: Scene, private_server: PrivateServer, seed: int) -> None:
    scene, draw = server_scene, random.Random(seed)
    for _ in range(8):
        scene.enqueue(draw.randrange(200, 800), ms=draw.randrange(1, 20))
        time.sleep(draw.random())
        match draw.randrange(3):
            case 0:
                private_server.restart(draw.choice(["immediate", "kill", "fast"]))  # type: ignore[arg-type]
                scene.reconnect()
            case 1:
                private_server.freeze()
                time.sleep(draw.random() * 2 * LEASE)
                private_server.thaw()
            case _:
                private_server.stop("immediate")
                time.sleep(draw.random() * 2 * LEASE)
                private_server.start()
                scene.reconnect()
    scene.verify()
