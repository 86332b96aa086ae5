"""`[tasks.<name>]` and `[defaults.task]`."""

from __future__ import annotations

import re
from typing import Any

from pgconductor.config import codes, names, readers, reference, retry
from pgconductor.config.limits import batch, check_keys, concurrency, dedupe, rate_limit
from pgconductor.config.model import Retention, Task
from pgconductor.config.node import Bad, Node
from pgconductor.config.payload import payload
from pgconductor.config.reader import either, one_of, takes, text_like
from pgconductor.config.shape import Key, Settings, Shape
from pgconductor.config.suggestion import did_you_mean
from pgconductor.config.triggers import check_cron_payloads, finish, triggers
from pgconductor.config.windows import window
from pgconductor.config.zones import zone

_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:/-]{0,98}[A-Za-z0-9])?")


@takes(lambda names: one_of(sorted(names.queues)))
def queue_name(node: Node) -> str:
    """The name of a declared queue."""
    name = readers.text(node)
    known = node.scope.names.queues
    if name not in known:
        if node.scope.complete:
            help = did_you_mean(name, known, f"declare it: [queues.{name}]")
            node.report(codes.UNKNOWN_QUEUE, f"unknown queue `{name}`", help)
        raise Bad
    return name


@takes(text_like(_KEY.pattern))
def _key(node: Node) -> str:
    key = readers.text(node)
    if not _KEY.fullmatch(key):
        help = "up to 100 letters, digits and . _ : / - between them"
        raise node.report(codes.NAME, f"`{key}` is not a key for a task", help)
    return key


@takes(either({"type": "boolean"}, {"type": "string", "minLength": 1}))
def _deprecated(node: Node) -> str | bool:
    if isinstance(node.value, str):
        return readers.text(node)
    if not isinstance(node.value, bool):
        raise node.wrong_type("`true` or a text that says what to use instead")
    return node.value


_kept = readers.duration(0, forever=True)
_RETENTION = Shape(
    {
        "completed": Key("completed_ms", _kept, 'How long completed executions are kept; "0s": not at all.'),
        "failed": Key("failed_ms", _kept, 'How long failed executions are kept; "0s": not at all.'),
        "cancelled": Key("cancelled_ms", _kept, 'How long cancelled executions are kept; "0s": not at all.'),
    },
    model=Retention,
)

TUNABLES = {
    "priority": Key("priority", readers.integer(-100, 100), "Executions of a higher priority run first."),
    "timeout": Key("timeout_ms", readers.duration(1), "The wall time that one attempt may take."),
    "step_timeout": Key("step_timeout_ms", readers.duration(1), "The wall time that one step may take."),
    "retry": Key("retry", retry.retry, "When a failed attempt is followed by another."),
    "concurrency": Key(
        "concurrency",
        concurrency,
        "How many run at once, across all workers: `3`, or a table with `key` and `per_key`.",
    ),
    "rate_limit": Key("rate_limit", rate_limit, 'How many start in how long, across all workers: "300/m".'),
    "dedupe": Key("dedupe", dedupe, "When a second execution of the same thing is not wanted."),
    "windows": Key("windows", readers.array(window), "When it may start: days, hours or both. Always, if empty."),
    "timezone": Key("timezone", zone, "What its windows and cron triggers mean."),
    "retention": Key("retention", _RETENTION, "How long executions are kept once they have ended."),
    "batch": Key("batch", batch, "The handler gets many items at once."),
    "log_payload": Key("log_payload", readers.boolean, "Whether payloads are logged. They may hold personal data."),
}
CONTRACT = {
    "key": Key("key", _key, "Its name in the database; by default that of the task."),
    "handler": Key("handler", reference.function, 'The function that does the work: "module:function".'),
    "queue": Key("queue", queue_name, "The queue that it waits on."),
    "payload": Key(
        "payload", payload(names.payload_model), 'What it needs: a table of fields, "module:Class", or "file.json".'
    ),
    "returns": Key("result", payload(names.result_model), "What it gives back, written like a payload."),
    "description": Key("description", readers.text, "What it does, for whoever calls it."),
    "deprecated": Key("deprecated", _deprecated, "Callers are warned; a text says what to use instead."),
    "invocable": Key("invocable", readers.boolean, "Whether clients may enqueue it; by default if it has no triggers."),
    "version": Key("version", readers.integer(1, 1_000_000), "Of the payload; raised when old rows cannot be read."),
    "upgrade": Key(
        "upgrade", reference.function, 'Brings old payloads up: "module:function" of `upgrade(data, version) -> data`.'
    ),
    "triggers": Key("triggers", triggers, "What starts it by itself: cron, events, changes of tables."),
}
TASK = Shape({**CONTRACT, **TUNABLES}, model=Task)
# In `[defaults.task]` and `[env.<name>]`.
TUNABLE = Shape(
    TUNABLES,
    dict.fromkeys(CONTRACT, (codes.NOT_TUNABLE, "it is part of what the task is: write it in [tasks.<name>]")),
    model=Task,
)


def resolve(settings: Settings) -> dict[str, Any]:
    """Merged settings as values of the model."""
    values = dict(settings.values)
    if "retry" in values:
        values["retry"] = retry.resolve(values["retry"])
    if "retention" in values:
        values["retention"] = Retention(**values["retention"].values)
    return values


def build(node: Node, own: Settings, defaults: Settings, timezone: str) -> Task:
    """The task, with what is between its keys checked.

    Args:
        own: what its table says.
        defaults: what `[defaults.task]` says.
        timezone: of the application.
    """
    settings = own.over(defaults)
    values = {"timezone": timezone, "key": node.name, **resolve(settings)}
    drafts = values.pop("triggers", {})
    values["triggers"] = finish(drafts, values["timezone"], values.get("payload"))
    values.setdefault("invocable", not _given(node, "triggers"))
    task = Task(name=node.name, **values)
    if task.upgrade is not None and task.version == 1 and not _given(node, "version"):
        message = "`upgrade` has no effect on the first version of a payload"
        node["upgrade"].report(codes.CONFLICT, message, "add `version = 2`", at="key")
    # A payload that could not be read is not the empty one.
    payload = None if _given(node, "payload") and "payload" not in own.values else task.payload
    check_keys(settings, payload, node.scope.types)
    if triggers_node := node.get("triggers"):
        alone = not task.invocable and all(trigger.kind == "cron" for trigger in task.triggers.values())
        check_cron_payloads(drafts, triggers_node, payload, alone)
    return task


def claim(node: Node, task: Task) -> None:
    """Ask for the names that the task needs in the generated code."""
    claims, owner = node.scope.claims, f"task `{task.name}`"
    claims.claim(names.payload_model(task.name), owner, node)
    if task.result is not None:
        claims.claim(names.result_model(task.name), owner, node)


def _given(node: Node, key: str) -> bool:
    found = node.get(key)
    return found is not None and found.value != {}
