"""Models that triggers need: the rows they capture, and the fields of an event that they select."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pgconductor.config.model import Config, EventTrigger, TableTrigger, Task
from pgconductor.config.names import FIELD, event_model, pascal, payload_model, result_model
from pgconductor.config.types import Field, Fields, Scalar, TypeExpr

JSON = Scalar("json")


@dataclass(frozen=True, slots=True)
class TriggerModel:
    """A model of one trigger.

    Attributes:
        aliases: field to name in the database, where that is no name for a field.
    """

    name: str
    description: str
    fields: Fields
    aliases: Mapping[str, str]


def trigger_models(config: Config) -> dict[tuple[str, str], TriggerModel]:
    """The models of all triggers that have one, by task and trigger."""
    taken = _model_names(config)
    found: dict[tuple[str, str], TriggerModel] = {}
    for task in sorted(config.tasks.values(), key=lambda task: task.name):
        for name in sorted(task.triggers):
            model = _trigger_model(config, task, name, taken)
            if model is not None:
                taken.add(model.name)
                found[task.name, name] = model
    return found


def _model_names(config: Config) -> set[str]:
    tasks = config.tasks
    return {
        *config.types,
        *(event_model(event) for event in config.events),
        *(payload_model(task) for task in tasks),
        *(result_model(task) for task in tasks),
    }


def _trigger_model(config: Config, task: Task, name: str, taken: set[str]) -> TriggerModel | None:
    base = pascal(task.name) + pascal(name)
    match task.triggers[name]:
        case TableTrigger(columns=dict() as columns, table=table):
            fields, aliases = _columns(columns)
            said = f"A row of table {table} as trigger `{name}` of task `{task.name}` captures it."
            return TriggerModel(_free(base + "Row", taken), said, fields, aliases)
        case EventTrigger(fields=tuple() as selected, event=event):
            payload = config.events[event].payload
            if isinstance(payload, Fields):
                chosen = Fields(tuple(field for field in payload.fields if field.name in selected))
                said = f"The fields of event `{event}` that trigger `{name}` of task `{task.name}` selects."
                return TriggerModel(_free(base + "Fields", taken), said, chosen, {})
    return None


def _columns(columns: Mapping[str, TypeExpr | None]) -> tuple[Fields, dict[str, str]]:
    fields: list[Field] = []
    aliases: dict[str, str] = {}
    for column, expr in columns.items():
        name = _free(_field_name(column), {field.name for field in fields})
        fields.append(Field(name, JSON if expr is None else expr))
        if name != column:
            aliases[name] = column
    return Fields(tuple(fields)), aliases


def _field_name(column: str) -> str:
    """The column as a name for a field: `createdAt` stays, `Full Name` becomes `full_name`, `class` `class_`."""
    if column.isascii() and column.isidentifier() and not column.startswith("_"):
        name = column
    else:
        name = re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")
        name = name if re.match("[a-z]", name) else f"column_{name}".rstrip("_")
    return f"{name}_" if keyword.iskeyword(name) or FIELD.refusal(name) else name


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}{number}"
    return free
