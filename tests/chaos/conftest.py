"""Scenes: workers on a database, and the ledger that their handlers write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgconductor.store.apply import apply
from tests.app import ledger
from tests.chaos.crew import Crew
from tests.chaos.scene import PLAN, Scene
from tests.database import PrivateServer, execute


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    """One worker, on a database of the server that all tests share."""
    with _scene(tmp_path, database, database) as found:
        found.crew.start()
        yield found


@pytest.fixture
def server_scene(private_server: PrivateServer, database: str, tmp_path: Path) -> Iterator[Scene]:
    """Two workers, on a server that may be stopped; the ledger is elsewhere."""
    with _scene(tmp_path, private_server.dsn, database) as found:
        found.crew.start_many(2)
        yield found


@contextmanager
def _scene(folder: Path, dsn: str, ledger_dsn: str) -> Iterator[Scene]:
    apply(dsn, PLAN)
    execute(ledger_dsn, ledger.TABLE)
    with Crew(folder, PLAN, dsn, ledger_dsn) as crew:
        scene = Scene(crew, dsn, ledger_dsn)
        try:
            yield scene
        finally:
            scene.close()
