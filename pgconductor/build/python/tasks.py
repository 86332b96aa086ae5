"""The view of `tasks.py`: a typed task each, what its handler takes, and what it returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgconductor.build.python.aliases import Aliases
from pgconductor.build.python.annotations import MODEL, literal_type
from pgconductor.build.python.imports import Imports
from pgconductor.build.python.layout import Either, Group, Source, statement
from pgconductor.build.python.rows import TriggerModel
from pgconductor.build.python.text import string
from pgconductor.config.model import Config, CronTrigger, EventTrigger, TableTrigger, Task
from pgconductor.config.names import event_model, pascal, payload_model, result_model
from pgconductor.config.types import Fields, ModelRef, Payload

_ROW_EVENTS = (("insert", "RowInserted"), ("update", "RowUpdated"), ("delete", "RowDeleted"))


@dataclass(frozen=True, slots=True)
class TaskSource:
    """One task, as statements.

    Attributes:
        event: the alias of what a handler with several reasons to run gets; None if it gets the payload.
    """

    event: str | None
    handler: str
    task: str


class TasksView:
    """What the template `tasks.py.jinja` writes down."""

    def __init__(self, config: Config, rows: Mapping[tuple[str, str], TriggerModel]) -> None:
        self._config = config
        self._rows = rows
        self.application = config.name
        tasks = [task for _, task in sorted(config.tasks.items())]
        aliases = {name for task in tasks for name in (event_alias(task.name), handler_alias(task.name))}
        self._imports = Imports({"Context", "SyncContext", *config.tasks, *aliases})
        self._aliases = Aliases(config.generate.python, self._imports)
        self.contexts = [self._context(name) for name in ("Context", "SyncContext")]
        self.tasks = [self._task(task) for task in tasks]
        self.imports = self._imports.write()

    def _context(self, name: str) -> str:
        """What handlers get beside their payload: one kind for coroutines, one for functions."""
        context = self._imports.name("pgconductor.api.context", name)
        if self._config.context is None:
            return self._aliases.write(name, f"{context}[None]")
        # The user's class is imported by type checkers only.
        deps = self._imports.typing(*self._config.context.split(":"))
        return self._aliases.write(name, self._aliases.unevaluated(f"{context}[{deps}]"))

    def _task(self, task: Task) -> TaskSource:
        event = self._event_union(task) if takes_event(task) else None
        return TaskSource(event, self._handler(task), self._definition(task))

    def _event_union(self, task: Task) -> str:
        reasons = tuple(dict.fromkeys(self._reasons(task)))
        return self._aliases.write(event_alias(task.name), reasons[0] if len(reasons) == 1 else Either(reasons))

    def _definition(self, task: Task) -> str:
        payload = self._annotated(task.payload, payload_model(task.name))
        result = "None" if task.result is None else self._annotated(task.result, result_model(task.name))
        cls = self._imports.name("pgconductor.api.task", "Task")
        keywords = (
            f"name={string(task.name)}",
            f"key={string(task.key)}",
            f"queue={string(task.queue)}",
            f"payload={self._value(task.payload, payload_model(task.name))}",
            f"result={'None' if task.result is None else self._value(task.result, result_model(task.name))}",
        )
        final = Group(f"{self._typing('Final')}[", (Group(f"{cls}[", (payload, result), "]"),), "]")
        return statement(f"{task.name}: ", final, " = ", Group(f"{cls}(", keywords, ")"))

    def _handler(self, task: Task) -> str:
        takes: Source = self._quoted(task.payload, payload_model(task.name))
        if takes_event(task):
            takes = event_alias(task.name)
        if task.batch is not None:
            takes = Group(f"{self._imports.name('collections.abc', 'Sequence')}[", (takes,), "]")
        callable_ = self._imports.name("collections.abc", "Callable")
        awaitable = self._imports.name("collections.abc", "Awaitable")
        result = self._returned(task)
        coroutine = (Group("[", (takes, "Context"), "]"), Group(f"{awaitable}[", (result,), "]"))
        function = (Group("[", (takes, "SyncContext"), "]"), result)
        kinds = tuple(Group(f"{callable_}[", parts, "]") for parts in (coroutine, function))
        return self._aliases.write(handler_alias(task.name), Either(kinds))

    def _returned(self, task: Task) -> Source:
        if task.result is None:
            return "None"
        result: Source = self._quoted(task.result, result_model(task.name))
        if task.batch is not None:
            result = Group(f"{self._imports.name('collections.abc', 'Sequence')}[", (result,), "]")
        return result

    def _reasons(self, task: Task) -> Iterator[Source]:
        """The members of the union of events."""
        payload = self._quoted(task.payload, payload_model(task.name))
        if task.invocable:
            yield self._event("Invoked", payload)
        triggers = sorted(task.triggers.items())
        crons = [(name, trigger) for name, trigger in triggers if isinstance(trigger, CronTrigger)]
        for content in (payload, "None"):
            names = tuple(name for name, cron in crons if (content == payload) == _has_payload(cron, task.payload))
            if names:
                yield self._event("CronFired", literal_type(names, self._imports), content)
        for name, trigger in triggers:
            if isinstance(trigger, EventTrigger):
                said = literal_type((trigger.event,), self._imports)
                yield self._event("EventReceived", said, self._event_content(task, name, trigger))
            elif isinstance(trigger, TableTrigger):
                said = literal_type((trigger.table,), self._imports)
                for operation, event in _ROW_EVENTS:
                    if operation in trigger.on:
                        yield self._event(event, said, self._row(task, name))

    def _event(self, name: str, *arguments: Source) -> Source:
        return Group(f"{self._imports.name('pgconductor.api.events', name)}[", arguments, "]")

    def _event_content(self, task: Task, name: str, trigger: EventTrigger) -> Source:
        event = self._config.events[trigger.event]
        if isinstance(event.payload, ModelRef) and trigger.fields is not None:
            return self._untyped()
        if (task.name, name) in self._rows:
            return self._row(task, name)
        return self._quoted(event.payload, event_model(event.name))

    def _row(self, task: Task, name: str) -> Source:
        model = self._rows.get((task.name, name))
        return self._untyped() if model is None else self._imports.name(".models", model.name)

    def _untyped(self) -> Source:
        """Names and values that nobody declared."""
        return Group("dict[", ("str", self._imports.name(MODEL, "JsonValue")), "]")

    def _annotated(self, payload: Payload, generated: str) -> str:
        """A payload's type where nothing is evaluated."""
        if isinstance(payload, ModelRef):
            return self._imports.typing(payload.module, payload.name)
        return self._imports.name(".models", generated)

    def _quoted(self, payload: Payload, generated: str) -> str:
        """A payload's type within an expression: a class of the user's own is imported by type checkers only."""
        name = self._annotated(payload, generated)
        return self._aliases.unevaluated(name) if isinstance(payload, ModelRef) else name

    def _value(self, payload: Payload, generated: str) -> str:
        """A payload's type as `Task` takes it."""
        return string(str(payload)) if isinstance(payload, ModelRef) else self._imports.name(".models", generated)

    def _typing(self, name: str) -> str:
        return self._imports.name("typing", name)


def takes_event(task: Task) -> bool:
    """Whether a handler gets to know why it runs: always but for tasks that are only invoked, or only on a cron."""
    kinds = {trigger.kind for trigger in task.triggers.values()} | ({"invoked"} if task.invocable else set())
    return len(kinds) > 1 or bool(kinds & {"event", "table"})


def event_alias(task: str) -> str:
    """The union of what a handler gets."""
    return pascal(task) + "Event"


def handler_alias(task: str) -> str:
    """The type of a handler."""
    return pascal(task) + "Handler"


def may_be_left_out(payload: Payload) -> bool:
    """Whether a payload can be made from nothing."""
    return isinstance(payload, Fields) and not any(field.required for field in payload.fields)


def _has_payload(trigger: CronTrigger, payload: Payload) -> bool:
    return trigger.payload is not None or may_be_left_out(payload)
