"""A project under `pgconductor dev` that writes down when its code first ran."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.crew import LIMIT
from benchmarks.database import fresh_database

CONFIG = """\
[conductor]
format = 1
name = "saved"

[database]
url = "${SAVED_DATABASE}"

[generate]
package = "saved.conductor"

[tasks.stamp]
handler = "saved.work:stamp"

[tasks.stamp.payload]
"""

WORK = """\
import time

from saved.conductor import tasks
from saved.conductor.models import StampPayload

VERSION = {version}


async def stamp(payload: StampPayload, ctx: tasks.Context) -> None:
    with open({stamps!r}, "a") as file:
        file.write(f"{{VERSION}} {{time.monotonic_ns()}}\\n")
"""

# What is measured is told no finer than this.
PROBE_EVERY = 0.01
# From one save to the next, as of somebody who types: spare processes are there again by then.
REST = 2.0


class Project:
    """The project, and the database that it works on."""

    def __init__(self, folder: Path, connection: psycopg.Connection) -> None:
        self._config = folder / "conductor.toml"
        self._work = folder / "saved" / "work.py"
        self._stamps = folder / "stamps"
        self._connection = connection
        self._version = 0
        self._work.parent.mkdir()
        (self._work.parent / "__init__.py").touch()
        self._stamps.touch()
        self._config.write_text(CONFIG)

    def save_python(self) -> int:
        """Save the handlers. Returns when, in nanoseconds of the monotonic clock."""
        self._version += 1
        saved = time.monotonic_ns()
        self._work.write_text(WORK.format(version=self._version, stamps=str(self._stamps)))
        return saved

    def save_contract(self) -> int:
        """Save a field more of the payload, and the handlers with it, as one does. Returns when it began."""
        saved = time.monotonic_ns()
        field = f'field_{self._version + 1} = {{ type = "int", default = 0 }}\n'
        self._config.write_text(self._config.read_text() + field)
        self.save_python()
        return saved

    def seconds_since(self, saved: int) -> float:
        """Enqueue until the code of now runs. Returns the seconds from `saved` to its first execution."""
        deadline = time.monotonic() + LIMIT
        while (began := self._began()) is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"version {self._version} did not run within {LIMIT:.0f} seconds")
            self._connection.execute("select pgconductor.invoke('stamp', '{}')")
            time.sleep(PROBE_EVERY)
        return (began - saved) / 1e9

    def _began(self) -> int | None:
        """When the newest version first ran."""
        for line in self._stamps.read_text().splitlines():
            number, _, began = line.partition(" ")
            if number == str(self._version):
                return int(began)
        return None


@contextmanager
def followed_project(dsn: str) -> Iterator[Project]:
    """A project that `pgconductor dev` serves, for the time of the block."""
    with fresh_database(dsn, "reload") as (connection, url), tempfile.TemporaryDirectory() as name:
        project = Project(Path(name), connection)
        saved = project.save_python()
        command = [sys.executable, "-m", "pgconductor", "dev", "--log-level", "warning"]
        environment = {**os.environ, "SAVED_DATABASE": url}
        dev = subprocess.Popen(command, cwd=name, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            _wait_for_workers(connection, dev)
            project.seconds_since(saved)
            yield project
        finally:
            dev.terminate()
            dev.wait(LIMIT)


def _wait_for_workers(connection: psycopg.Connection, dev: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LIMIT
    serving = "select count(*) from pgconductor.workers"
    while True:
        if dev.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("pgconductor dev did not begin to serve; see above")
        try:
            row = connection.execute(serving).fetchone()
        except psycopg.errors.UndefinedTable:
            row = None
        if row is not None and row[0]:
            return
        time.sleep(PROBE_EVERY)
