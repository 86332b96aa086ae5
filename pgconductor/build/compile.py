"""From what the user wrote to what runs: every default resolved, nothing read but the Config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic_core import to_jsonable_python

from pgconductor.build.contracts import payload_fields, shared_types
from pgconductor.build.hashes import contract, plan_hashes
from pgconductor.build.sql import LaneTask, QueueSql, migrations
from pgconductor.config.model import Config, Event, Queue, Task
from pgconductor.config.model import Overrides as Changes
from pgconductor.config.names import event_model, payload_model, result_model
from pgconductor.config.types import ModelRef, Payload
from pgconductor.plan.model import PLAN_FORMAT, EventPlan, Overrides, Plan, QueuePlan, TaskPlan

T = TypeVar("T", QueuePlan, TaskPlan)


def compile_plan(config: Config) -> Plan:
    """The plan of a configuration, but for the list of generated files, which `render` adds.

    Pure: the same Config gives the same plan, whatever the machine, the clock or the environment.
    """
    return _Compiler(config).plan()


class _Compiler:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.migrations = migrations(config.schema_name)
        self.tasks = {name: self.task(task) for name, task in sorted(config.tasks.items())}
        self.queues = {name: self.queue(queue) for name, queue in sorted(config.queues.items())}

    def plan(self) -> Plan:
        config = self.config
        return Plan.model_validate(
            {
                "format": PLAN_FORMAT,
                "name": config.name,
                "schema_name": config.schema_name,
                "timezone": config.timezone,
                "package": config.generate.package,
                "source_root": config.generate.source_root,
                "context": config.context,
                "size_limit": config.size_limit,
                "database": config.database.model_dump(),
                "environments": {name: self.environment(env) for name, env in sorted(config.environments.items())},
                "migrations": self.migrations,
                "queues": self.queues,
                "tasks": self.tasks,
                "events": {name: self.event(event) for name, event in sorted(config.events.items())},
                "types": shared_types(config.types),
                "moved": [moved.model_dump() for moved in config.moved],
                "removed": [removed.model_dump() for removed in config.removed],
                "hashes": plan_hashes(self.head, self.queues, self.tasks),
                "sources": config.sources,
                "files": {},
            }
        )

    @property
    def head(self) -> dict[str, Any]:
        config = self.config
        return {
            "name": config.name,
            "schema": config.schema_name,
            "migrations": [migration.model_dump() for migration in self.migrations],
            "moved": [moved.model_dump() for moved in config.moved],
            "removed": [removed.model_dump() for removed in config.removed],
        }

    def task(self, task: Task) -> TaskPlan:
        given = task.model_dump(exclude={"payload", "result", "triggers"})
        result = task.result and model_name(task.result, result_model(task.name))
        triggers = {name: _typed_as_text(trigger.model_dump()) for name, trigger in sorted(task.triggers.items())}
        return TaskPlan.model_validate(
            {
                **given,
                "payload": model_name(task.payload, payload_model(task.name)),
                "fields": payload_fields(task.payload),
                "result": result,
                "triggers": triggers,
                "contract": contract(task.key, task.version, task.payload, task.result, self.config.types),
            }
        )

    def queue(self, queue: Queue) -> QueuePlan:
        statements = self.statements(queue.name, self.tasks)
        return QueuePlan.model_validate({**queue.model_dump(), "tables": statements.tables(), **_lanes(statements)})

    def statements(self, queue: str, tasks: Mapping[str, TaskPlan]) -> QueueSql:
        lanes = [_lane(task) for task in tasks.values() if task.queue == queue]
        return QueueSql(self.config.schema_name, queue, lanes)

    def event(self, event: Event) -> EventPlan:
        return EventPlan(
            name=event.name,
            payload=model_name(event.payload, event_model(event.name)),
            fields=payload_fields(event.payload),
            description=event.description,
            retention_ms=event.retention_ms,
            contract=contract(event.name, 1, event.payload, None, self.config.types),
        )

    def environment(self, changes: Changes) -> Overrides:
        """What an environment really changes, with the statements that follow from its limits."""
        tasks = {name: _with(task, changes.tasks.get(name, {})) for name, task in self.tasks.items()}
        queues = {name: self.queue_in(queue, changes, tasks) for name, queue in self.queues.items()}
        return Overrides(
            database=_differences(self.config.database.model_dump(), changes.database),
            queues=_all_differences(self.queues, queues),
            tasks=_all_differences(self.tasks, tasks),
            hashes=plan_hashes(self.head, queues, tasks),
        )

    def queue_in(self, queue: QueuePlan, changes: Changes, tasks: Mapping[str, TaskPlan]) -> QueuePlan:
        limits = {name: _lane(task) for name, task in tasks.items() if task.queue == queue.name}
        same = all(lane == _lane(self.tasks[name]) for name, lane in limits.items())
        lanes = {} if same else _lanes(self.statements(queue.name, tasks))
        return _with(queue, {**changes.queues.get(queue.name, {}), **lanes})


def model_name(payload: Payload, generated: str) -> str:
    """The name of the generated model, or "module:Class" of the user's own."""
    return str(payload) if isinstance(payload, ModelRef) else generated


def _lane(task: TaskPlan) -> LaneTask:
    return LaneTask(task.key, task.version, task.concurrency.limit if task.concurrency else None)


def _lanes(statements: QueueSql) -> dict[str, Any]:
    return {"lanes": statements.lanes(), "poll": statements.poll()}


def _typed_as_text(trigger: dict[str, Any]) -> dict[str, Any]:
    columns = trigger.get("columns")
    if columns:
        trigger["columns"] = {name: None if expr is None else str(expr) for name, expr in columns.items()}
    return trigger


def _with(plan: T, changes: Mapping[str, Any]) -> T:
    return plan if not changes else type(plan).model_validate({**plan.model_dump(), **changes})


def _all_differences(base: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found = {name: _differences(base[name].model_dump(), changed[name].model_dump()) for name in base}
    return {name: differences for name, differences in found.items() if differences}


def _differences(base: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """What `changed` says otherwise, as JSON, so that a plan read back is the plan that was written."""
    found: dict[str, Any] = to_jsonable_python({name: value for name, value in changed.items() if base[name] != value})
    return found
