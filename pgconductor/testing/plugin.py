"""The pytest plugin. Nothing of pgconductor is imported until a test asks for a fixture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pgconductor.testing.clock import Clock
    from pgconductor.testing.crashes import CrashMatrix
    from pgconductor.testing.harness import Harness, SyncHarness
    from pgconductor.testing.project import Databases

DSN = "PGCONDUCTOR_TEST_DSN"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("conductor_plan", "plan.json, its folder or the generated package; by default conductor.toml says.")
    parser.addini("conductor_env", "The [env.<name>] of conductor.toml whose overrides hold in tests.")
    parser.addini("conductor_test_dsn", f"A Postgres for the tests' databases; {DSN} goes first, embedded by default.")


@pytest.fixture(scope="session")
def conductor_setup() -> Callable[[str], object] | None:
    """Override it to make the application's own tables: a function that is called with a connection string, once."""
    return None


@pytest.fixture(scope="session")
def _conductor_databases(
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
    conductor_setup: Callable[[str], object] | None,
) -> Iterator[Databases]:
    from pgconductor.testing.project import Databases, Project, open_scratch

    def folder() -> Any:
        cache = getattr(pytestconfig, "cache", None)
        return tmp_path_factory.getbasetemp() if cache is None else cache.mkdir("pgconductor")

    named = _option(pytestconfig, "conductor_plan")
    project = Project.find(pytestconfig.rootpath, named=named, env=_option(pytestconfig, "conductor_env"))
    dsn = os.environ.get(DSN) or _option(pytestconfig, "conductor_test_dsn")
    with open_scratch(dsn, folder) as scratch:
        yield Databases(project, scratch, conductor_setup)


@pytest.fixture
def conductor_database(_conductor_databases: Databases) -> Iterator[str]:
    """The connection string of a database of the test's own, with the plan applied; it is dropped after the test."""
    with _conductor_databases.database() as url:
        yield url


@pytest.fixture
def conductor(_conductor_databases: Databases, conductor_database: str) -> Iterator[Harness[Any]]:
    """The project on the test's database: its client, `drain()`, `executions()`, `result()`, for async tests."""
    from pgconductor.testing.harness import Harness

    harness: Harness[Any] = Harness(_conductor_databases.project, conductor_database)
    yield harness
    harness.close()


@pytest.fixture
def sync_conductor(_conductor_databases: Databases, conductor_database: str) -> Iterator[SyncHarness[Any]]:
    """`conductor`, for tests without await."""
    from pgconductor.testing.harness import SyncHarness

    harness: SyncHarness[Any] = SyncHarness(_conductor_databases.project, conductor_database)
    yield harness
    harness.close()


@pytest.fixture
def conductor_clock(_conductor_databases: Databases, conductor_database: str) -> Clock:
    """The time of the test's database: `advance("24h")`, `set(datetime)`."""
    from pgconductor.testing.clock import Clock

    return Clock(conductor_database, _conductor_databases.project.plan.schema_name)


@pytest.fixture
def crash_matrix(_conductor_databases: Databases) -> CrashMatrix:
    """Runs a handler again and again, killing its worker at another point each time."""
    from pgconductor.testing.crashes import CrashMatrix

    return CrashMatrix(_conductor_databases)


def _option(config: pytest.Config, name: str) -> str | None:
    return str(config.getini(name) or "") or None
