"""The supervisor: several worker processes under one that restarts them, and stops them with one signal."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pgconductor.errors import ConfigError
from pgconductor.plan.model import Plan
from pgconductor.runtime.process import INTERRUPTED, SUPERVISOR_PIPE

logger = logging.getLogger("pgconductor")

FIRST_RESTART = 0.5
LONGEST_RESTART = 30.0
# A process that lived so long had started well: its next restart is the first again.
SETTLED_AFTER = 60.0
POLL = 0.1


def assignments(plan: Plan, queues: Sequence[str], processes: int | None) -> list[list[str]]:
    """Which queues each process serves.

    Args:
        processes: so many, each serving every queue; None: as many as each queue's `processes` says.

    >>> assignments(plan, ["default", "mail"], None)  # mail has processes = 2  # doctest: +SKIP
    [['default', 'mail'], ['mail']]
    """
    if processes is not None:
        return [list(queues) for _ in range(processes)]
    most = max((plan.queues[queue].processes for queue in queues), default=1)
    return [[queue for queue in queues if plan.queues[queue].processes > number] for number in range(most)]


@dataclass
class _Child:
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = field(default_factory=time.monotonic)
    wait: float = FIRST_RESTART
    done: bool = False


class Supervisor:
    """Keeps one process running for each command.

    A process that exits 0 has done its work. One that exits with 3 (an invalid plan, handlers that do not bind) would
    do so again: everything stops. Any other is restarted, after 0.5 s at first and up to 30 s apart.
    """

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        self._children = [_Child(command) for command in commands]
        self._signals: list[int] = []
        self._exit_code = 0
        # Children hold the reading end: it ends when this process does, even by kill -9.
        self._pipe, self._lifeline = os.pipe()

    def run(self) -> int:
        """Supervise until every process is done or a signal stopped them.

        Returns:
            The exit code.
        """
        restore = [self._handle(number) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            while any(not child.done for child in self._children):
                for child in self._children:
                    self._tend(child, time.monotonic())
                time.sleep(POLL)
        finally:
            for undo in restore:
                undo()
            os.close(self._lifeline)
            os.close(self._pipe)
        return self._exit_code

    def _handle(self, number: int) -> Callable[[], None]:
        previous = signal.signal(number, self._on_signal)
        return lambda: (signal.signal(number, previous), None)[1]

    def _on_signal(self, number: int, frame: object) -> None:
        self._signals.append(number)
        if number == signal.SIGINT:
            self._exit_code = INTERRUPTED
        self._stop_children()

    def _stop_children(self) -> None:
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)

    def _tend(self, child: _Child, now: float) -> None:
        if child.done:
            return
        if child.process is None:
            if self._signals:
                child.done = True
            elif now >= child.restart_at:
                self._start(child, now)
        elif (code := child.process.poll()) is not None:
            child.process = None
            self._ended(child, code, now)

    def _start(self, child: _Child, now: float) -> None:
        # A group of their own: Ctrl-C reaches this process alone, which tells each child once.
        child.process = subprocess.Popen(
            child.command,
            env={**os.environ, SUPERVISOR_PIPE: str(self._pipe)},
            pass_fds=(self._pipe,),
            process_group=0,
        )
        child.started_at = now
        if self._signals:  # it came while the process was being made, and missed it
            child.process.send_signal(signal.SIGTERM)

    def _ended(self, child: _Child, code: int, now: float) -> None:
        if code == 0 or self._signals:
            child.done = True
            return
        if code == ConfigError.exit_code:
            logger.error("a worker process cannot start; stopping")
            self._exit_code = code
            self._signals.append(signal.SIGTERM)
            self._stop_children()
            child.done = True
            return
        if now - child.started_at > SETTLED_AFTER:
            child.wait = FIRST_RESTART
        logger.warning("a worker process ended with %s; restarting it in %.1f s", _manner(code), child.wait)
        child.restart_at = now + child.wait
        child.wait = min(2 * child.wait, LONGEST_RESTART)


def _manner(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
