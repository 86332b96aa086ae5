"""`[env.<name>]`: the root again, tunables only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pgconductor.config import codes, names, tasks
from pgconductor.config.application import DATABASE, DEV, resolve_database
from pgconductor.config.limits import check_keys
from pgconductor.config.model import Overrides, Task
from pgconductor.config.node import Bad, Node
from pgconductor.config.queues import QUEUE
from pgconductor.config.reader import JsonSchema, Reader, takes
from pgconductor.config.scope import Names
from pgconductor.config.shape import Key, Settings, Shape
from pgconductor.config.suggestion import did_you_mean

_HELP = "an environment may change [database], [dev], and the tunables of queues, tasks and defaults"


@dataclass(frozen=True, slots=True)
class Base:
    """What an environment lies on.

    Attributes:
        database: what `[database]` says.
        queues: what the queue tables say themselves, by name.
        tasks: what the task tables say themselves, by name.
        defaults: what `[defaults.task]` and `[defaults.queue]` say, under `task` and `queue`.
        built: the tasks with everything resolved.
    """

    database: Settings
    queues: Mapping[str, Settings]
    tasks: Mapping[str, Settings]
    defaults: Mapping[str, Settings]
    built: Mapping[str, Task]


def _each(shape: Shape, known: Callable[[Names], set[str]]) -> Reader[dict[str, Settings]]:
    """A reader of a table of named tables."""

    def schema(declared: Names) -> JsonSchema:
        properties = {name: shape.schema(declared) for name in sorted(known(declared))}
        return {"type": "object", "additionalProperties": False, "properties": properties}

    @takes(schema)
    def read(table: Node) -> dict[str, Settings]:
        found = {}
        for name, node in table.items():
            with suppress(Bad):
                found[name] = shape.read(node)
        return found

    return read


DEFAULTS = Shape(
    {
        "task": Key("task", tasks.TUNABLE, "What tasks are that do not say otherwise."),
        "queue": Key("queue", QUEUE, "What queues are that do not say otherwise."),
    }
)
ENVIRONMENT = Shape(
    {
        "database": Key("database", DATABASE, "Where its database is."),
        "dev": Key("dev", DEV, "How `dev` goes about it."),
        "defaults": Key("defaults", DEFAULTS, "What its queues and tasks are that do not say otherwise."),
        "queues": Key("queues", _each(QUEUE, lambda names: names.queues), "What its queues have of their own."),
        "tasks": Key("tasks", _each(tasks.TUNABLE, lambda names: names.tasks), "What its tasks have of their own."),
    },
    dict.fromkeys(("conductor", "generate", "types", "events", "moved", "removed", "env"), (codes.NOT_TUNABLE, _HELP)),
)


def environments(table: Node, base: Base) -> dict[str, Overrides]:
    """Every environment that could be read."""
    found: dict[str, Overrides] = {}
    for name, node in names.named(table, names.ENVIRONMENT):
        with suppress(Bad):
            found[name] = _overrides(node, base)
    return found


def _overrides(node: Node, base: Base) -> Overrides:
    given = ENVIRONMENT.read(node).values
    defaults: dict[str, Settings] = given["defaults"].values if "defaults" in given else {}
    _check_names(node, base)
    return Overrides(
        database=_changes(given.get("database", Settings()), base.database, resolve_database),
        dev=dict(given["dev"].values) if "dev" in given else {},
        queues=_queues(given.get("queues", {}), defaults.get("queue", Settings()), base),
        tasks=_tasks(node, given.get("tasks", {}), defaults.get("task", Settings()), base),
    )


def _check_names(node: Node, base: Base) -> None:
    if not node.scope.complete:
        return
    known = {
        "queue": (node.scope.names.queues, codes.UNKNOWN_QUEUE),
        "task": (node.scope.names.tasks, codes.UNKNOWN_TASK),
    }
    for what, (declared, code) in known.items():
        table = node.get(f"{what}s")
        for name, child in table.items() if table and isinstance(table.value, dict) else ():
            if name not in declared:
                help = did_you_mean(name, declared, f"an environment cannot declare a {what}")
                child.report(code, f"unknown {what} `{name}`", help, at="key")


def _queues(given: dict[str, Settings], defaults: Settings, base: Base) -> dict[str, dict[str, Any]]:
    found = {}
    for name, own in base.queues.items():
        changed = given.get(name, Settings()).over(defaults.without(own))
        found[name] = _changes(changed, own.over(base.defaults["queue"]), lambda merged: merged.values)
    return {name: changes for name, changes in found.items() if changes}


def _tasks(node: Node, given: dict[str, Settings], defaults: Settings, base: Base) -> dict[str, dict[str, Any]]:
    found = {}
    for name, task in base.built.items():
        own = base.tasks[name]
        changed = given.get(name, Settings()).over(defaults.without(own))
        check_keys(changed, task.payload, node.scope.types)
        found[name] = _changes(changed, own.over(base.defaults["task"]), tasks.resolve)
    return {name: changes for name, changes in found.items() if changes}


def _changes(changed: Settings, base: Settings, resolve: Callable[[Settings], dict[str, Any]]) -> dict[str, Any]:
    """The resolved values of what is changed, whole even where only a part of a sub-table is."""
    if not changed.values:
        return {}
    merged = resolve(changed.over(base))
    return {name: _plain(merged[name]) for name in changed.values if name in merged}


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value
