"""The project that the command line is tried on, compiled once, with a database of its own for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.project import Shop, make_shop


@pytest.fixture(scope="session")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("compiled") / "shop", "postgresql:///unused").folder


@pytest.fixture
def shop(_compiled: Path, tmp_path: Path, database: str) -> Shop:
    """A copy of the compiled project, in which the test may do as it likes."""
    return Shop(Path(shutil.copytree(_compiled, tmp_path / "shop")), database)
