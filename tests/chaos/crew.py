"""Worker processes that a test starts, freezes, kills and counts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from pgconductor.plan.model import Plan
from tests.app import ledger
from tests.command import environment

ROOT = Path(__file__).parents[2]


class Hand:
    """One worker process."""

    def __init__(self, command: list[str], env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_started(self, seconds: float = 20) -> None:
        """Until it has registered its workers and begun to claim."""
        deadline = time.monotonic() + seconds
        while "started\n" not in self.said():
            assert self.is_alive, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.01)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.process.wait(10)

    def freeze(self) -> None:
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def wait(self, seconds: float = 20) -> int:
        """Its exit code, once it ends by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it still runs after {seconds} s\n{self.said()}") from None


class Crew:
    """All workers of a test. Whoever is left at its end is killed.

    Args:
        folder: for the plan and the logs.
        ledger_dsn: where handlers write what they do: never through what a test breaks on purpose.
    """

    def __init__(self, folder: Path, plan: Plan, dsn: str, ledger_dsn: str | None = None) -> None:
        self.hands: list[Hand] = []
        self._folder = folder
        self._dsn = dsn
        self._plan = folder / "plan.json"
        self._plan.write_text(plan.to_json())
        self._env = environment({ledger.DSN: ledger_dsn or dsn, "PYTHONFAULTHANDLER": "1"})

    def start(self, *options: str, wait: bool = True, dsn: str | None = None) -> Hand:
        """Start a worker process, and wait until it works."""
        log = self._folder / f"worker-{len(self.hands) + 1}.log"
        command = [
            sys.executable,
            "-W",
            "error",
            "-m",
            "tests.chaos.worker",
            str(self._plan),
            dsn or self._dsn,
            *options,
        ]
        hand = Hand(command, self._env, log)
        self.hands.append(hand)
        if wait:
            hand.wait_until_started()
        return hand

    def start_many(self, count: int, *options: str) -> list[Hand]:
        hands = [self.start(*options, wait=False) for _ in range(count)]
        for hand in hands:
            hand.wait_until_started()
        return hands

    @property
    def alive(self) -> list[Hand]:
        return [hand for hand in self.hands if hand.is_alive]

    def stop(self, seconds: float = 30) -> None:
        """SIGTERM to all; each must end cleanly."""
        for hand in self.alive:
            hand.send(signal.SIGTERM)
        for hand in self.hands:
            if hand.process.returncode != -signal.SIGKILL:
                assert hand.wait(seconds) == 0, hand.said()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hand in self.alive:
            os.kill(hand.pid, signal.SIGKILL)
            hand.process.wait()
        if error is not None:
            for hand in self.hands:
                print(f"--- worker {hand.pid}\n{hand.said()[-4000:]}")
