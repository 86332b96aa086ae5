"""The source of a handler that is yet to be written: the types are right, and what it does is not there."""

from __future__ import annotations

from pgconductor.build.python.tasks import event_alias, takes_event
from pgconductor.build.python.text import docstring, string
from pgconductor.build.scaffold.module import Module
from pgconductor.config.model import Config, Task
from pgconductor.config.names import payload_model, result_model
from pgconductor.config.types import ModelRef, Payload

EVENTS = "pgconductor.api.events"
# As black and ruff have it where nothing else is said.
WIDTH = 88

_ROWS = {"insert": "RowInserted", "update": "RowUpdated", "delete": "RowDeleted"}


def handler(task: Task, name: str, module: Module, config: Config) -> str:
    """A function that serves a task.

    Args:
        module: where it is to stand; what the function needs is imported there.
    """
    package = config.generate.package
    tasks = module.use(package, "tasks")
    if takes_event(task):
        parameter, takes = "event", f"{tasks}.{event_alias(task.name)}"
    else:
        parameter, takes = "payload", _model(task.payload, payload_model(task.name), module, package)
    returns = "None" if task.result is None else _model(task.result, result_model(task.name), module, package)
    if task.batch is not None:
        sequence = module.use("collections.abc", "Sequence")
        parameter, takes = "items", f"{sequence}[{takes}]"
        returns = returns if task.result is None else f"{sequence}[{returns}]"
    head = _head(f"async def {name}", (f"{parameter}: {takes}", f"ctx: {tasks}.Context"), returns)
    doc = docstring(task.description, f"Task `{task.name}`.", 4)
    unwritten = f"raise NotImplementedError({string(f'task `{task.name}` has no handler yet')})"
    body = _match(_reasons(task), unwritten, module) if parameter == "event" else f"    {unwritten}"
    return f"{head}\n    {doc}\n{body}"


def upgrade(task: Task, name: str, module: Module) -> str:
    """A function that brings old payloads of a task up."""
    anything = module.use("typing", "Any")
    parameters = (f"data: dict[str, {anything}]", "version: int")
    head = _head(f"def {name}", parameters, f"dict[str, {anything}]")
    doc = docstring(f"Bring a payload of task `{task.name}` up from `version` to {task.version}.", "", 4)
    said = string(f"payloads of task `{task.name}` cannot be brought up yet")
    return f"{head}\n    {doc}\n    raise NotImplementedError({said})"


def _model(payload: Payload, generated: str, module: Module, package: str) -> str:
    if isinstance(payload, ModelRef):
        return module.use(payload.module, payload.name)
    return module.use(f"{package}.models", generated)


def _head(start: str, parameters: tuple[str, ...], returns: str) -> str:
    line = f"{start}({', '.join(parameters)}) -> {returns}:"
    if len(line) <= WIDTH:
        return line
    return f"{start}(\n" + "".join(f"    {parameter},\n" for parameter in parameters) + f") -> {returns}:"


def _reasons(task: Task) -> list[str]:
    """The classes of the events that a task runs for."""
    found = ["Invoked"] if task.invocable else []
    kinds = [trigger.kind for trigger in task.triggers.values()]
    found += ["CronFired"] if "cron" in kinds else []
    found += ["EventReceived"] if "event" in kinds else []
    operations = {
        operation for trigger in task.triggers.values() if trigger.kind == "table" for operation in trigger.on
    }
    return [*found, *(row for operation, row in _ROWS.items() if operation in operations)]


def _match(reasons: list[str], unwritten: str, module: Module) -> str:
    """One case a reason, of which type checkers know that there is no other."""
    lines = ["    match event:"]
    for reason in reasons:
        lines += [f"        case {module.use(EVENTS, reason)}():", f"            {unwritten}"]
    never = module.use("typing", "assert_never")
    return "\n".join([*lines, "        case _:", f"            {never}(event)"])
