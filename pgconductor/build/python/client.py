"""The view of `client.py`: one typed method a task, and one of `emit` an event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgconductor.build.python.imports import Imports
from pgconductor.build.python.layout import call, method_header
from pgconductor.build.python.tasks import may_be_left_out
from pgconductor.build.python.text import docstring, string
from pgconductor.config.model import Config, Event, Task
from pgconductor.config.names import event_attribute, event_model, payload_model, result_model
from pgconductor.config.types import ModelRef, Payload

_CLASSES = {"async": ("Conductor", "BaseConductor"), "sync": ("SyncConductor", "BaseSyncConductor")}
_EMITTERS = {"async": "Emitters", "sync": "SyncEmitters"}


@dataclass(frozen=True, slots=True)
class Method:
    """One method, as source."""

    decorators: list[str]
    header: str
    doc: str
    body: str


@dataclass(frozen=True, slots=True)
class Client:
    """One class, as source."""

    name: str
    base: str
    doc: str
    attributes: list[str]
    methods: list[Method]


class ClientView:
    """What the template `client.py.jinja` writes down."""

    def __init__(self, config: Config) -> None:
        self.application = config.name
        self._tasks = [task for _, task in sorted(config.tasks.items()) if task.invocable]
        self._events = [event for _, event in sorted(config.events.items())]
        emitters = {_EMITTERS[kind] for kind in _kinds(config)} if self._events else set()
        attributes = {event_attribute(event.name) for event in self._events}
        self._imports = Imports({*client_classes(config), *emitters, *config.tasks, *attributes})
        self.classes = [made for kind in _kinds(config) for made in self._both(kind)]
        self.imports = self._imports.write()

    def _both(self, kind: str) -> Iterable[Client]:
        if self._events:
            yield self._emitters(kind)
        yield self._client(kind)

    def _client(self, kind: str) -> Client:
        name, base = _CLASSES[kind]
        doc = docstring(f"The {kind} client of application `{self.application}`.", "", 4)
        methods = [self._method(task, kind) for task in self._tasks]
        if self._events:
            methods.append(self._emit(kind))
        plan_path = f'plan_path = {self._imports.name("pathlib", "Path")}(__file__).with_name("plan.json")'
        return Client(name, self._imports.name("pgconductor.client", base), doc, [plan_path], methods)

    def _emitters(self, kind: str) -> Client:
        base = self._imports.name("pgconductor.client", "BaseEmitters")
        doc = docstring(f"Emits the events of application `{self.application}`.", "", 4)
        return Client(_EMITTERS[kind], base, doc, [], [self._emitter(event, kind) for event in self._events])

    def _emit(self, kind: str) -> Method:
        return Method(
            decorators=[f"@{self._imports.name('functools', 'cached_property')}"],
            header=method_header("emit", _EMITTERS[kind], 4),
            doc=docstring(f"Emits the events of application `{self.application}`.", "", 8),
            body=f"return {_EMITTERS[kind]}(self)",
        )

    def _emitter(self, event: Event, kind: str) -> Method:
        prefix = ("Sync" if kind == "sync" else "") + ("Optional" if may_be_left_out(event.payload) else "")
        emitter = self._imports.name("pgconductor.client", f"{prefix}Emitter")
        attribute = event_attribute(event.name)
        return Method(
            decorators=[f"@{self._imports.name('functools', 'cached_property')}"],
            header=method_header(attribute, f"{emitter}[{self._type(event.payload, event_model(event.name))}]", 4),
            doc=docstring(event.description, f"Event `{event.name}`.", 8),
            body=f"return {emitter}(self._conductor, {self._imports.name('.', 'events')}.{attribute})",
        )

    def _method(self, task: Task, kind: str) -> Method:
        prefix = ("Sync" if kind == "sync" else "") + ("Optional" if may_be_left_out(task.payload) else "")
        invoker = self._imports.name("pgconductor.client", f"{prefix}TaskInvoker")
        payload = self._type(task.payload, payload_model(task.name))
        result = "None" if task.result is None else self._type(task.result, result_model(task.name))
        return Method(
            decorators=list(self._decorators(task)),
            header=method_header(task.name, f"{invoker}[{payload}, {result}]", 4),
            doc=docstring(task.description, f"Task `{task.name}` on queue `{task.queue}`.", 8),
            body=f"return {invoker}(self, {self._imports.name('.', 'tasks')}.{task.name})",
        )

    def _decorators(self, task: Task) -> Iterable[str]:
        if not task.deprecated:
            yield f"@{self._imports.name('functools', 'cached_property')}"
            return
        # Type checkers report the use of a deprecated property, and not that of a cached one.
        said = task.deprecated if isinstance(task.deprecated, str) else f"task `{task.name}` is deprecated"
        yield "@property"
        yield call(f"@{self._imports.name('typing_extensions', 'deprecated')}(", string(said), 4)

    def _type(self, payload: Payload, generated: str) -> str:
        if isinstance(payload, ModelRef):
            return self._imports.typing(payload.module, payload.name)
        return self._imports.typing(".models", generated)


def client_classes(config: Config) -> list[str]:
    """The names of the clients that are generated, sorted."""
    return sorted(_CLASSES[kind][0] for kind in _kinds(config))


def _kinds(config: Config) -> list[str]:
    return sorted(set(config.generate.clients))
