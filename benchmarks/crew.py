"""Worker processes at work, watched from outside."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.database import Database

REPOSITORY = Path(__file__).parents[1]
LIMIT = 300.0  # seconds for anything that is waited for


class WorkerProcess:
    """One `benchmarks.worker`, and what it last said.

    Attributes:
        stamps: of the probes that it ran: when the handler began, by the probe's number.
    """

    def __init__(self, url: str, queues: Sequence[str], changed: threading.Condition) -> None:
        self.count = self.total = self.held = 0
        self.stamps: dict[int, int] = {}
        self._changed = changed
        command = [sys.executable, "-m", "benchmarks.worker", url, *queues]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise if it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"a worker process ended with {self._process.returncode}; see above")

    def close(self) -> None:
        """Let it end as on SIGTERM."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(LIMIT)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            with self._changed:
                self.count, self.total, self.held = said["count"], said["total"], said["held"]
                self.stamps.update(said["stamps"])
                self._changed.notify_all()


class Crew:
    """Worker processes on one database."""

    def __init__(self, database: Database) -> None:
        self.processes: list[WorkerProcess] = []
        self.database = database
        self.changed = threading.Condition()
        self._done = (0, 0)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    def stamps(self) -> dict[int, int]:
        """When the handler of each probe began."""
        with self.changed:
            return {i: at for process in self.processes for i, at in process.stamps.items()}

    def wait(self, jobs: int, total: int) -> None:
        """Wait until `jobs` more jobs have run and are settled.

        Args:
            total: what their payloads add up to.

        Raises:
            RuntimeError: they did not run once each, or not in time.
        """
        count, before = self._done
        self.ran(jobs)
        self.rest()
        self.forget()
        if self._done != (count + jobs, before + total):
            raise RuntimeError(f"{jobs} jobs were to run once each: {self._done} after {(count, before)}")

    def ran(self, jobs: int) -> None:
        """Wait until the handlers of `jobs` more jobs have run."""
        self._wait_for(lambda: self.has_run(jobs))

    def has_run(self, jobs: int) -> bool:
        return self._sum("count") >= self._done[0] + jobs

    def rest(self) -> None:
        """Wait until nothing is held."""
        self._wait_for(lambda: self._sum("held") == 0)

    def forget(self) -> None:
        """Count from here."""
        self._done = (self._sum("count"), self._sum("total"))

    def _sum(self, attribute: str) -> int:
        return sum(getattr(process, attribute) for process in self.processes)

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT
        with self.changed:
            while not self.changed.wait_for(condition, timeout=1.0):
                for process in self.processes:
                    process.check()
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self._sum('count')} jobs after {LIMIT:.0f} seconds")


@contextmanager
def crew(database: Database, *assignments: Sequence[str]) -> Iterator[Crew]:
    """A worker process for each list of queues, all of them idle by the time the block begins."""
    crew, expected = Crew(database), database.idle_workers() + sum(map(len, assignments))
    with ExitStack() as stack:
        for queues in assignments:
            process = WorkerProcess(database.url, queues, crew.changed)
            stack.callback(process.close)
            crew.processes.append(process)
        deadline = time.monotonic() + LIMIT
        while database.idle_workers() < expected:
            for process in crew.processes:
                process.check()
            if time.monotonic() > deadline:
                raise RuntimeError("workers that do not come to rest")
            time.sleep(0.02)
        yield crew
