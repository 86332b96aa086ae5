"""The compiled project that a command works on."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from pgconductor.api.event import Event
from pgconductor.api.task import Task
from pgconductor.cli.output import complain
from pgconductor.cli.selection import Selection, selection
from pgconductor.errors import BindingError, ExecutionNotFound
from pgconductor.plan.location import project_folder
from pgconductor.plan.model import EventPlan, Plan, TaskPlan
from pgconductor.plan.search import search_plan
from pgconductor.store.endpoint import Endpoint, open_endpoint
from pgconductor.store.inspection import inspect
from pgconductor.store.query import AnyConnection


@dataclass(frozen=True)
class Project:
    """A plan with its environment's overrides, and where it belongs.

    Attributes:
        path: of plan.json.
        folder: of conductor.toml, whether or not that is there.
    """

    plan: Plan
    path: Path
    folder: Path

    @contextmanager
    def endpoint(self) -> Iterator[Endpoint]:
        """The project's database while the block runs."""
        with open_endpoint(self.plan, self.folder) as endpoint:
            yield endpoint

    @contextmanager
    def connection(self) -> Iterator[AnyConnection]:
        """A connection to it, for a command that looks or changes a few rows."""
        with self.endpoint() as endpoint, inspect(endpoint.url) as connection:
            yield connection

    def importable(self) -> None:
        """Let the project's own code be imported, installed or not."""
        folder = str((self.folder / self.plan.source_root).resolve())
        if folder not in sys.path:
            sys.path.insert(0, folder)

    def stub(self, task: TaskPlan) -> Task[Any, Any]:
        """The generated object that knows the task's payload and result.

        Raises:
            BindingError: the generated package cannot be imported.
        """
        found: Task[Any, Any] = self._generated("tasks", task.name)
        return found

    def event(self, event: EventPlan) -> Event[Any]:
        """The generated object that knows the event's payload.

        Raises:
            BindingError: the generated package cannot be imported.
        """
        found: Event[Any] = self._generated("events", event.name.replace(".", "_"))
        return found

    def _generated(self, module: str, name: str) -> Any:
        self.importable()
        try:
            return getattr(importlib.import_module(f"{self.plan.package}.{module}"), name)
        except (ImportError, AttributeError) as error:
            raise BindingError(
                f"the generated package `{self.plan.package}` cannot be used ({error}); run `pgconductor generate`"
            ) from error

    def called(self, endpoint: Endpoint) -> str:
        """How a person is told of the database."""
        return "the embedded Postgres" if self.plan.database.url is None else str(endpoint)


def open_project() -> Project:
    """The project of the running command. A person is warned if it was not generated since it changed.

    Raises:
        PlanError: there is no plan, or it cannot be used.
    """
    chosen = selection()
    path = find_plan(chosen)
    plan = Plan.load(path).for_environment(chosen.env)
    project = Project(plan, path, project_folder(plan, path))
    changed = changed_sources(project)
    if changed:
        complain(f"warning: {', '.join(changed)} changed since `pgconductor generate`; what runs is the old plan")
    return project


@contextmanager
def open_connection() -> Iterator[tuple[Project, AnyConnection]]:
    """The project of the running command, and a connection to its database."""
    project = open_project()
    with project.connection() as connection:
        yield project, connection


def task_key(plan: Plan, task: str | None) -> str | None:
    """The task's name in the database; of a task that the plan no longer has, its name as it is."""
    return plan.tasks[task].key if task in plan.tasks else task


def unknown(execution_id: UUID) -> ExecutionNotFound:
    """The error to raise for an id that no execution has."""
    return ExecutionNotFound(
        f"no execution {execution_id}: it never was, or its retention has passed", execution_id=str(execution_id)
    )


def changed_sources(project: Project) -> list[str]:
    """The files that the plan was compiled from and that are different now. A deployment may do without them."""
    changed = []
    for name, digest in sorted(project.plan.sources.items()):
        try:
            data = (project.folder / name).read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() != digest:
            changed.append(name)
    return changed


def find_plan(chosen: Selection) -> Path:
    """Where plan.json is.

    Raises:
        PlanError: there is none, or more than one.
    """
    config = chosen.config or os.environ.get("PGCONDUCTOR_CONFIG")
    return search_plan(Path.cwd(), named=chosen.plan, config=config, option="`--plan`")
