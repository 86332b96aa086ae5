"""A template as the fixtures of pgconductor.testing make it, for tests of the pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgconductor.store.scratch import Scratch
from pgconductor.testing.project import Databases, Project
from tests.app import inline
from tests.plans import make_plan, task
from tests.runtime.stage import Stage


@pytest.fixture(scope="session")
def databases(server: str) -> Iterator[Databases]:
    with Scratch(server) as scratch:
        yield Databases(Project.of(make_plan(task("nothing")), Path(__file__).parents[2]), scratch)


@pytest.fixture
def stage(databases: Databases) -> Iterator[Stage]:
    """A stage on a database whose clock can be moved."""
    with databases.database() as url:
        found = Stage(url)
        try:
            yield found
        finally:
            found.close()
            inline.handlers.__dict__.clear()
