"""`[[moved]]` and `[[removed]]`: what became of things that are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pgconductor.config import codes, names, readers
from pgconductor.config.model import MovedTask, RemovedQueue, Task
from pgconductor.config.node import Bad, Node
from pgconductor.config.reader import either, one_of, takes
from pgconductor.config.shape import Key, Shape
from pgconductor.config.suggestion import did_you_mean
from pgconductor.config.tasks import queue_name


@takes({"type": "string", "minLength": 1})
def _name(node: Node) -> Node:
    return node


_MOVE = Shape(
    {
        "from": Key("source", _name, "The key of the task that is gone.", required=True),
        "to": Key("target", _name, "The task that takes its executions.", required=True),
    }
)
MOVED = Shape({"task": Key("task", _MOVE, "A task that is called otherwise now.", required=True)})
_MOVE_TO = Shape({"move_to": Key("move_to", queue_name, "The queue that takes what is pending.", required=True)})


@takes(lambda names: either(one_of(("drain", "cancel")), _MOVE_TO.schema(names)))
def _pending(node: Node) -> tuple[str | None, str | None]:
    """What is done with its rows: a word, or the queue that they move to."""
    if isinstance(node.value, dict):
        values = _MOVE_TO.read(node).values
        if "move_to" not in values:
            raise Bad
        return None, values["move_to"]
    help = 'write "drain", "cancel", or { move_to = "default" }'
    if not isinstance(node.value, str):
        raise node.wrong_type("a string or a table", help)
    if node.value not in ("drain", "cancel"):
        suggestion = did_you_mean(node.value, ("drain", "cancel"), help)
        raise node.report(codes.CHOICE, f"`{node.value}` is not a choice for `pending`", suggestion)
    return node.value, None


REMOVED = Shape(
    {
        "queue": Key("queue", _name, "The queue that is gone.", required=True),
        "pending": Key("pending", _pending, "What becomes of what is pending on it.", required=True),
    }
)


def moved(table: Node, tasks: Mapping[str, Task]) -> tuple[MovedTask, ...]:
    """Where the rows of tasks that are called otherwise now belong. A task may have moved more than once."""
    moves: dict[str, tuple[Node, Node]] = {}
    for values in _entries(table, MOVED):
        move = values["task"].values
        if len(move) < 2:
            continue
        with suppress(Bad):
            source, target = move["source"], move["target"]
            key = readers.text(source)
            readers.text(target)
            if key in moves:
                raise source.report(codes.MOVED, f"`{key}` has moved already", related=(moves[key][0], "first here"))
            moves[key] = source, target
    found = []
    keys = {task.key: task for task in tasks.values()}
    for key, (source, _) in moves.items():
        with suppress(Bad):
            if key in keys:
                help = f"remove this entry, or the task: `{key}` is the key of task `{keys[key].name}`"
                raise source.report(codes.MOVED, f"`{key}` has moved and is still declared", help)
            found.append(MovedTask(from_key=key, to_key=_destination(key, moves, tasks, set(keys))))
    return tuple(found)


def _destination(key: str, moves: Mapping[str, tuple[Node, Node]], tasks: Mapping[str, Task], keys: set[str]) -> str:
    """The key of the task at the end of a chain of moves."""
    seen = {key}
    node = moves[key][1]
    while True:
        target: str = node.value
        if target in tasks:
            return tasks[target].key
        if target in keys:
            return target
        if target in seen:
            raise node.report(codes.MOVED, f"`{target}` moves in a circle", "name the task as it is called now")
        if target not in moves:
            # Tasks that are declared but could not be read have been reported as such.
            if not node.scope.complete or target in node.scope.names.tasks:
                raise Bad
            help = did_you_mean(target, {*tasks, *keys}, "name the task as it is called now")
            raise node.report(codes.UNKNOWN_TASK, f"unknown task `{target}`", help)
        seen.add(target)
        node = moves[target][1]


def removed(table: Node) -> tuple[RemovedQueue, ...]:
    """Queues that are no longer declared, and what becomes of their rows."""
    found: dict[str, tuple[Node, RemovedQueue]] = {}
    for values in _entries(table, REMOVED):
        with suppress(Bad):
            node: Node = values["queue"]
            name = readers.text(node)
            names.QUEUE.check(name, node)
            if name in node.scope.names.queues:
                help = "`default` always exists" if name == "default" else "remove this entry, or the queue"
                raise node.report(codes.MOVED, f"queue `{name}` is removed and still declared", help)
            if name in found:
                first = (found[name][0], "first here")
                raise node.report(codes.MOVED, f"queue `{name}` is removed already", related=first)
            pending, move_to = values["pending"]
            found[name] = node, RemovedQueue(queue=name, pending=pending, move_to=move_to)
    return tuple(item for _, item in found.values())


def _entries(table: Node, shape: Shape) -> Iterator[dict[str, Any]]:
    """The entries that have all their keys."""
    if not isinstance(table.value, list):
        table.wrong_type("an array of tables", f"write [[{table.name}]], with two brackets")
        return
    for node in table.elements():
        with suppress(Bad):
            values = shape.read(node).values
            if len(values) == len(shape.keys):
                yield values
