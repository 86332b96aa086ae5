"""`make demo`, on a few files and on all of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from tests.examples.conftest import Run, environment

STDLIB = Path(sysconfig.get_path("stdlib"))

ENQUEUE = """
import asyncio, json, sys
from examples.conductor import Conductor
from examples.indexer.__main__ import STDLIB, source_files

async def main():
    async with Conductor.connect() as conductor:
        executions = await conductor.index_file.many(source_files(STDLIB)[:int(sys.argv[1])])
        print(json.dumps([str(execution.id) for execution in executions]))

asyncio.run(main())
"""


def test_the_demo_goes_from_an_empty_database_to_its_report(run: Run) -> None:
    shown = run("-m", "examples.indexer", str(STDLIB / "json")).stdout
    count = len(list((STDLIB / "json").rglob("*.py")))
    assert f"{count} files (0 of them broken on purpose)" in shown
    assert "decoder" in shown


@pytest.mark.slow
def test_the_whole_standard_library_is_indexed_in_well_under_a_minute(run: Run) -> None:
    shown = run("-m", "examples.indexer").stdout
    found = re.search(r"indexed in ([0-9.]+) s:\n +([0-9,]+) files", shown)
    assert found, shown
    assert int(found[2].replace(",", "")) > 500  # a Python of Debian has no tests in its library
    assert float(found[1]) < 60


def test_a_killed_worker_loses_no_file_and_counts_none_twice(run: Run, project: Path) -> None:
    run("-m", "pgconductor", "apply")
    ids = json.loads(run("-c", ENQUEUE, "200").stdout)
    with _worker(project) as worker:
        _await_completed(worker, 20)
        worker.kill()
    run("-m", "pgconductor", "run", "--queue", "indexer", "--drain")
    payload = json.dumps({"executions": ids})
    run("-m", "pgconductor", "invoke", "report", payload)
    run("-m", "pgconductor", "run", "--queue", "default", "--drain")
    listed = json.loads(run("-m", "pgconductor", "executions", "list", "--task", "report", "--json").stdout)
    shown = json.loads(run("-m", "pgconductor", "executions", "show", listed[0]["id"], "--json").stdout)
    assert shown["result"]["files"] == 200


def test_processes_of_the_pool_end_with_a_killed_worker(run: Run, project: Path) -> None:
    run("-m", "pgconductor", "apply")
    run("-c", ENQUEUE, "400")
    with _worker(project) as worker:
        _await_completed(worker, 1)
        assert len(_processes_in(project)) > 1
        worker.kill()
    deadline = time.monotonic() + 10
    while _processes_in(project):
        assert time.monotonic() < deadline, "processes outlived their worker"
        time.sleep(0.1)


def _worker(project: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pgconductor", "run", "--queue", "indexer"]
    return subprocess.Popen(command, cwd=project, env=environment(project), stderr=subprocess.PIPE, text=True)


def _await_completed(worker: subprocess.Popen[str], count: int) -> None:
    assert worker.stderr is not None
    while count:
        line = worker.stderr.readline()
        assert line, "the worker ended"
        count -= "completed" in line


def _processes_in(folder: Path) -> list[str]:
    """Python processes whose working directory is the project."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder and "python" in (process / "exe").readlink().name:
                found.append(process.name)
        except OSError:
            continue
    return found
