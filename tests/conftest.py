"""Fixtures of every test: a Postgres per session, a database per test.

The Postgres is the embedded one, shared by all xdist workers, or what PGCONDUCTOR_TEST_DSN names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from pgconductor.store.embedded import EmbeddedServer
from tests.database import FAST, PrivateServer, clone

# A shared machine is no measure of how long one example may take.
hypothesis.settings.register_profile("pgconductor", deadline=None)
hypothesis.settings.load_profile("pgconductor")

# What a developer's shell may hold and no test may see.
FOREIGN = ("PGCONDUCTOR_CONFIG", "PGCONDUCTOR_ENV", "DATABASE_URL", "NO_COLOR", "FORCE_COLOR", "COLUMNS")


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> None:
    for name in FOREIGN:
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def server(shared_folder: Path) -> Iterator[str]:
    """The DSN of the session's Postgres, as a superuser."""
    given = os.environ.get("PGCONDUCTOR_TEST_DSN")
    if given:
        yield given
        return
    with EmbeddedServer(shared_folder, settings=FAST).acquire() as dsn:
        yield dsn


@pytest.fixture
def database(server: str) -> Iterator[str]:
    """The DSN of a new, empty database, gone after the test."""
    with clone(server) as dsn:
        yield dsn


@pytest.fixture
def private_server(tmp_path: Path) -> Iterator[PrivateServer]:
    """A server of this test alone, to be stopped, killed and started again. Always the embedded one."""
    private = PrivateServer(tmp_path)
    try:
        yield private
    finally:
        private.cluster.stop()
