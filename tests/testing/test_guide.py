"""docs/testing.md is a project whose tests pass, in a pytest of its own that knows nothing but conductor.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import environment, pgconductor
from tests.docs.page import REPOSITORY, blocks

GUIDE = REPOSITORY / "docs" / "testing.md"


def write_project(folder: Path, *names: str) -> None:
    """The files that the guide shows; of its tests only those named."""
    shown = {block.title or "conductor.toml": block.text for block in blocks(GUIDE)}
    for name, text in shown.items():
        if not name.startswith("tests/test_") or name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (folder / "bakery" / "__init__.py").touch()
    pgconductor("generate", cwd=folder)


def run_pytest(folder: Path, server: str, *words: str) -> str:
    """What pytest says of the project; all its tests must pass."""
    env = environment({"PGCONDUCTOR_TEST_DSN": server} if server else {})
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-W", "error", *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_inline_runs_and_drained_databases(tmp_path: Path, server: str) -> None:
    write_project(tmp_path, "tests/test_inline.py", "tests/test_bakery.py")
    said = run_pytest(tmp_path, server, "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
    assert "5 passed" in said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_crash_matrix(tmp_path: Path, server: str) -> None:
    write_project(tmp_path, "tests/test_crashes.py")
    assert "1 passed" in run_pytest(tmp_path, server, "-p", "no:asyncio")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif("PGCONDUCTOR_TEST_DSN" in os.environ, reason="the embedded server is not what is tested")
def test_the_embedded_server_is_kept_for_the_next_session(tmp_path: Path) -> None:
    write_project(tmp_path, "tests/test_bakery.py")
    select = "tests/test_bakery.py::test_a_full_van_comes_again"
    for _ in range(2):
        assert "1 passed" in run_pytest(tmp_path, "", "-p", "no:asyncio", select)
    (home,) = tmp_path.glob(".pytest_cache/d/pgconductor/.pgconductor/postgres")
    assert (home / "PG_VERSION").exists()
    assert not (home / "postmaster.pid").exists(), "the last user stops it"
