"""Fixtures of the runtime's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgconductor.store.apply import apply
from tests.database import clone
from tests.plans import make_plan, task
from tests.runtime.stage import Stage


@pytest.fixture(scope="session")
def engine(server: str) -> Iterator[str]:
    """A database with the engine's schema and the queue `default`, to be copied."""
    with clone(server) as dsn:
        apply(dsn, make_plan(task("nothing")))
        yield dsn


@pytest.fixture
def stage(server: str, engine: str) -> Iterator[Stage]:
    """A stage on a database of its own. The tasks are applied by the orchestrator."""
    with clone(server, str(conninfo_to_dict(engine)["dbname"])) as dsn:
        found = Stage(dsn)
        try:
            # SQL functions know a task once it is applied; plain enqueues need no more than the queue.
            yield found
        finally:
            found.close()
