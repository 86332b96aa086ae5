"""The supervisor, with real processes and real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgconductor.runtime.supervisor import Supervisor

# Runs the supervisor over children that each run the given program: its own process, to be signalled.
SUPERVISE = """
import sys
from pgconductor.runtime.supervisor import Supervisor
program, count = sys.argv[1], int(sys.argv[2])
sys.exit(Supervisor([[sys.executable, "-c", program, str(number)] for number in range(count)]).run())
"""
# A child that says it is there, and on SIGTERM or when its supervisor is gone says so and ends.
CHILD = """
import os, select, signal, sys, pathlib
folder = pathlib.Path({folder!r})
log = folder / f"{{sys.argv[1]}}-{{os.getpid()}}"
def stop(number, frame):
    log.with_suffix(".stopped").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
log.touch()
select.select([int(os.environ["PGCONDUCTOR_SUPERVISOR_PIPE"])], [], [])
log.with_suffix(".orphaned").touch()
"""


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start(program: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SUPERVISE, program, str(count)])


def children(folder: Path) -> list[int]:
    return [int(path.name.split("-")[1]) for path in folder.iterdir() if not path.suffix]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_one_signal_stops_all_processes(tmp_path: Path, number: int, code: int) -> None:
    supervisor = start(CHILD.format(folder=str(tmp_path)), 3)
    until(lambda: len(children(tmp_path)) == 3)
    supervisor.send_signal(number)
    assert supervisor.wait(20) == code
    assert len(list(tmp_path.glob("*.stopped"))) == 3


def test_a_signal_while_a_process_is_being_made_stops_that_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def interrupted(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        made.append(popen(*args, **kwargs))
        os.kill(os.getpid(), signal.SIGTERM)
        return made[-1]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    began = time.monotonic()
    assert Supervisor([["sleep", "20"], ["sleep", "20"]]).run() == 0
    assert time.monotonic() - began < 10
    assert [child.returncode for child in made] == [-signal.SIGTERM]


def test_a_killed_process_is_restarted(tmp_path: Path) -> None:
    supervisor = start(CHILD.format(folder=str(tmp_path)), 1)
    until(lambda: len(children(tmp_path)) == 1)
    os.kill(children(tmp_path)[0], signal.SIGKILL)
    until(lambda: len(children(tmp_path)) == 2)
    supervisor.terminate()
    assert supervisor.wait(20) == 0


def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = start(CHILD.format(folder=str(tmp_path)), 2)
    until(lambda: len(children(tmp_path)) == 2)
    supervisor.kill()
    supervisor.wait()
    until(lambda: len(list(tmp_path.glob("*.orphaned"))) == 2)


def test_processes_that_are_done_are_not_restarted() -> None:
    assert Supervisor([[sys.executable, "-c", "pass"]] * 2).run() == 0


def test_a_process_that_cannot_start_stops_everything(tmp_path: Path) -> None:
    # Exit code 3 says that the plan or a handler is no good: another try would end the same way.
    program = CHILD.format(folder=str(tmp_path)) + "\n"
    broken = "import sys, time; time.sleep(0.5); sys.exit(3)"
    runner = f"import sys\nexec({broken!r} if sys.argv[1] == '0' else {program!r})"
    supervisor = start(runner, 2)
    assert supervisor.wait(20) == 3
    assert len(list(tmp_path.glob("*.stopped"))) == 1


def test_restarts_come_further_and_further_apart(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    program = f"import sys, time; open({str(starts)!r}, 'a').write(f'{{time.monotonic()}}\\n'); sys.exit(1)"
    supervisor = start(program, 1)
    until(lambda: starts.exists() and len(starts.read_text().split()) >= 3)
    supervisor.terminate()
    supervisor.wait(20)
    first, second, third = map(float, starts.read_text().split()[:3])
    assert 0.4 < second - first < third - second
