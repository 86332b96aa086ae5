"""The view of `client.py`: one typed method a task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pgconductor.build.python.imports import Imports
from pgconductor.build.python.layout import call, method_header
from pgconductor.build.python.tasks import may_be_left_out
from pgconductor.build.python.text import docstring, string
from pgconductor.config.model import Config, Task
from pgconductor.config.names import payload_model, result_model
from pgconductor.config.types import ModelRef, Payload

_CLASSES = {"async": ("Conductor", "BaseConductor"), "sync": ("SyncConductor", "BaseSyncConductor")}


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
    methods: list[Method]


class ClientView:
    """What the template `client.py.jinja` writes down."""

    def __init__(self, config: Config) -> None:
        self.application = config.name
        self._tasks = [task for _, task in sorted(config.tasks.items()) if task.invocable]
        self._imports = Imports({*client_classes(config), *config.tasks})
        self.path = self._imports.name("pathlib", "Path")
        self.clients = [self._client(kind) for kind in _kinds(config)]
        self.imports = self._imports.write()

    def _client(self, kind: str) -> Client:
        name, base = _CLASSES[kind]
        doc = docstring(f"The {kind} client of application `{self.application}`.", "", 4)
        methods = [self._method(task, kind) for task in self._tasks]
        return Client(name, self._imports.name("pgconductor.client", base), doc, methods)

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
