"""A copy of the repository's example project, with an embedded Postgres of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The root `conductor.toml` and `examples/`."""
    folder = tmp_path / "project"
    ignore = shutil.ignore_patterns(".pgconductor", "__pycache__")
    shutil.copytree(REPOSITORY / "examples", folder / "examples", ignore=ignore)
    shutil.copy(REPOSITORY / "conductor.toml", folder)
    return folder


@pytest.fixture
def run(project: Path) -> Run:
    """Runs Python in the project, to its end."""

    def run(*arguments: str, timeout: float = 110) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=project, env=environment(project), capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done

    return run


def environment(project: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(project)}
