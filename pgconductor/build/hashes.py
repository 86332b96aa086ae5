"""Digests of the plan, three kinds on purpose.

`contract` of a task: can rows queued under another plan be read? `structure`: does the database match?
`tunables`: everything else that decides how work runs, safe to swap while running. `[database]` is in none of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from pgconductor.config.types import (
    Constrained,
    Fields,
    Generic,
    LiteralType,
    ModelRef,
    Payload,
    Scalar,
    Shared,
    SharedType,
    TypeExpr,
    Union,
)
from pgconductor.plan.model import Hashes, QueuePlan, TaskPlan

# What of a task the database knows, beside its key and contract. The rest of it is tunable.
_TASK_STRUCTURE = ("queue", "version", "triggers")


def digest(value: Any) -> str:
    """A digest of any plain value, by its canonical JSON."""
    text = json.dumps(to_jsonable_python(value), sort_keys=True, separators=(",", ":"))
    return digest_text(text)


def digest_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def contract(key: str, version: int, payload: Payload, result: Payload | None, types: Mapping[str, SharedType]) -> str:
    """What readers and writers of a task's rows must agree on.

    Descriptions are left out. A model of the user's own counts by its name: it is not imported.
    """
    return digest([key, version, _schema(payload, types), result and _schema(result, types)])


def plan_hashes(head: Mapping[str, Any], queues: Mapping[str, QueuePlan], tasks: Mapping[str, TaskPlan]) -> Hashes:
    """Digests of a plan.

    Args:
        head: what else decides on the structure: the application, its schema, the migrations.
    """
    structure = {
        **head,
        "queues": {name: _queue_structure(queue) for name, queue in queues.items()},
        "tasks": {task.key: [task.contract, task.model_dump(include={*_TASK_STRUCTURE})] for task in tasks.values()},
    }
    tunables = {
        "queues": {name: queue.model_dump(exclude={"tables"}) for name, queue in queues.items()},
        # The fields are in the contract.
        "tasks": {
            task.key: task.model_dump(exclude={*_TASK_STRUCTURE, "description", "fields"}) for task in tasks.values()
        },
    }
    return Hashes(structure=digest(structure), tunables=digest(tunables))


def _queue_structure(queue: QueuePlan) -> Any:
    return [queue.tables, [lane.index for lane in queue.lanes]]


def _schema(payload: Payload, types: Mapping[str, SharedType]) -> Any:
    """The payload's shape together with that of every shared type it leads to."""
    reached: dict[str, Any] = {}
    shape = _shape(payload)
    waiting = _shared_names(payload)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = _shape(types[name])
            waiting |= _shared_names(types[name])
    return [shape, reached]


def _shape(found: Payload | SharedType) -> Any:
    match found:
        case Fields(fields):
            return {field.name: [str(field.type), field.required, field.default] for field in fields}
        case ModelRef():
            return str(found)
        case _:
            return list(found.values)


def _shared_names(found: Payload | SharedType) -> set[str]:
    if not isinstance(found, Fields):
        return set()
    return {name for field in found.fields for name in _shared_in(field.type)}


def _shared_in(expr: TypeExpr) -> set[str]:
    match expr:
        case Shared(name):
            return {name}
        case Generic(_, item) | Constrained(item):
            return _shared_in(item)
        case Union(members):
            return {name for member in members for name in _shared_in(member)}
        case Scalar() | LiteralType():
            return set()
