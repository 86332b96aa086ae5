"""The project that the command line is tried on, compiled once, with a database of its own for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.cli.project import Shop, make_shop
from tests.database import clone


@pytest.fixture(scope="session")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("compiled") / "shop", "postgresql:///unused").folder


@pytest.fixture(scope="session")
def _applied(_compiled: Path, server: str) -> Iterator[str]:
    with clone(server) as template:
        Shop(_compiled, template).ask("apply")
        yield str(conninfo_to_dict(template)["dbname"])


@pytest.fixture
def shop(_compiled: Path, _applied: str, server: str, tmp_path: Path) -> Iterator[Shop]:
    """A copy of the compiled project, in which the test may do as it likes; its plan is applied."""
    with clone(server, _applied) as database:
        yield Shop(Path(shutil.copytree(_compiled, tmp_path / "shop")), database)


@pytest.fixture
def fresh(_compiled: Path, database: str, tmp_path: Path) -> Shop:
    """The same with an empty database."""
    return Shop(Path(shutil.copytree(_compiled, tmp_path / "shop")), database)
