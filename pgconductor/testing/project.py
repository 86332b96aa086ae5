"""The project under test, and the databases that its tests get."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgconductor.errors import BindingError
from pgconductor.plan.location import project_folder
from pgconductor.plan.model import Plan
from pgconductor.plan.search import search_plan
from pgconductor.store.apply import apply
from pgconductor.store.embedded import EmbeddedServer
from pgconductor.store.scratch import Scratch, database_name
from pgconductor.store.testclock import allow_test_clock

# What a test loses when the machine loses its power is nothing.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "300"}


@dataclass(frozen=True)
class Project:
    """A plan, adapted to tests, and where it belongs.

    Attributes:
        plan: of one database only, the one that a test is given; what it needs was applied.
        folder: of conductor.toml.
    """

    plan: Plan
    folder: Path

    @classmethod
    def find(cls, root: Path, *, named: str | None, env: str | None) -> Project:
        """The project that conductor.toml, found from `root` upward, declares.

        Args:
            named: plan.json, its folder or the generated package, instead.
            env: the `[env.<name>]` whose overrides apply.

        Raises:
            PlanError: there is no plan, or it cannot be used.
        """
        path = search_plan(root, named=named, option="the ini option `conductor_plan`")
        plan = Plan.load(path).for_environment(env)
        return cls.of(plan, project_folder(plan, path))

    @classmethod
    def of(cls, plan: Plan, folder: Path) -> Project:
        """The project of a plan, for tests."""
        database = plan.database.model_copy(update={"url": None, "listen_url": None, "apply": "verify"})
        return cls(plan.model_copy(update={"database": database}), folder)

    def generated(self, name: str) -> Any:
        """What the generated package exports by this name.

        Raises:
            BindingError: the package cannot be imported.
        """
        source = str((self.folder / self.plan.source_root).resolve())
        if source not in sys.path:
            sys.path.insert(0, source)
        try:
            return getattr(importlib.import_module(self.plan.package), name)
        except (ImportError, AttributeError) as error:
            raise BindingError(
                f"the generated package `{self.plan.package}` cannot be used ({error}); run `pgconductor generate`"
            ) from error


class Databases:
    """A template with the plan applied, made at first use, and its copies.

    Args:
        setup: what else the template needs, the application's own tables: called with its connection string.
    """

    def __init__(self, project: Project, scratch: Scratch, setup: Callable[[str], object] | None = None) -> None:
        self.project = project
        self._scratch = scratch
        self._setup = setup
        self._template: str | None = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """The connection string of a new copy, whose clock can be moved. It is dropped at the end."""
        if self._template is None:
            self._template = self._make_template()
        with self._scratch.database(self._template) as url:
            yield url

    def _make_template(self) -> str:
        # Dropped with everything else at the end of the session.
        url = self._scratch.create()
        apply(url, self.project.plan)
        allow_test_clock(url, self.project.plan.schema_name)
        if self._setup is not None:
            self._setup(url)
        return database_name(url)


@contextmanager
def open_scratch(dsn: str | None, folder: Callable[[], Path]) -> Iterator[Scratch]:
    """Where the databases of a session are made.

    Args:
        dsn: of a server; None: an embedded one, shared with other processes of this and other sessions.
        folder: where the embedded one is kept.

    Raises:
        DatabaseError: the server cannot be had.
    """
    if dsn is not None:
        with Scratch(dsn) as scratch:
            yield scratch
        return
    with EmbeddedServer(folder(), settings=FAST).acquire() as url, Scratch(url) as scratch:
        yield scratch
