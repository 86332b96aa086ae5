"""From a plan to the text of every generated file. Pure: writing, checking and showing them are others' business."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgconductor.build.python.bindings import BindingsView
from pgconductor.build.python.client import ClientView, client_classes
from pgconductor.build.python.events import EventsView
from pgconductor.build.python.layout import Group, statement
from pgconductor.build.python.models import ModelsView
from pgconductor.build.python.rows import trigger_models
from pgconductor.build.python.tasks import TasksView
from pgconductor.build.python.text import string
from pgconductor.build.queues import QueueView, SchemaView
from pgconductor.build.seal import seal, sealed_digest
from pgconductor.build.templates import environment
from pgconductor.config.model import Config
from pgconductor.plan.model import Plan


def render(plan: Plan, config: Config) -> dict[str, str]:
    """The text of every file, by its path relative to `conductor.toml`, sorted.

    Args:
        plan: what `compile_plan` made of `config`.
    """
    files = {path: seal(path, body) for path, body in _bodies(plan, config)}
    digests = {path: sealed_digest(path, text) for path, text in files.items()}
    path = plan_path(config)
    files[path] = seal(path, plan.model_copy(update={"files": dict(sorted(digests.items()))}).to_json())
    return dict(sorted(files.items()))


def plan_path(config: Config) -> str:
    """Where the plan is written, relative to `conductor.toml`."""
    return _within_package(config, "plan.json")


def _bodies(plan: Plan, config: Config) -> Iterator[tuple[str, str]]:
    rows = trigger_models(config)
    views = {
        "__init__.py": _package_view(config),
        "models.py": vars(ModelsView(config, rows)),
        "tasks.py": vars(TasksView(config, rows)),
        "client.py": vars(ClientView(config)),
        "_bindings.py": vars(BindingsView(config)),
    }
    if config.events:
        views["events.py"] = vars(EventsView(config))
    for name, view in views.items():
        yield _within_package(config, name), _write(f"package/{name}.jinja", view)
    yield _within_package(config, "py.typed"), ""
    sql_dir = _directory(config.generate.sql_dir)
    yield f"{sql_dir}schema.sql", _write("db/schema.sql.jinja", vars(SchemaView(plan)))
    for queue in plan.queues.values():
        yield f"{sql_dir}queues/{queue.name}.sql", _write("db/queues/queue.sql.jinja", vars(QueueView(queue)))


def _package_view(config: Config) -> dict[str, Any]:
    clients = client_classes(config)
    exports = statement("__all__ = ", Group("[", tuple(map(string, clients)), "]"))
    return {"application": config.name, "clients": clients, "exports": exports.removeprefix("__all__ = ")}


def _write(template: str, view: dict[str, Any]) -> str:
    return environment().get_template(template).render(view)


def _within_package(config: Config, name: str) -> str:
    return _directory(config.generate.source_root) + config.generate.package.replace(".", "/") + "/" + name


def _directory(path: str) -> str:
    return "" if path == "." else f"{path}/"
