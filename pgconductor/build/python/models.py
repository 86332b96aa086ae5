"""The view of `models.py`: payloads, results, events, shared types, rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgconductor.build.python.aliases import Aliases
from pgconductor.build.python.annotations import MODEL, annotation, literal_type
from pgconductor.build.python.defaults import default
from pgconductor.build.python.imports import Imports, import_statement
from pgconductor.build.python.layout import Group, Source, class_header, statement
from pgconductor.build.python.rows import TriggerModel
from pgconductor.build.python.text import docstring, string
from pgconductor.config.model import Config
from pgconductor.config.names import event_model, payload_model, result_model
from pgconductor.config.types import Enum, Field, Fields, ModelRef


@dataclass(frozen=True, slots=True)
class Model:
    """One class: all of it is source."""

    header: str
    doc: str
    fields: list[str]


@dataclass(frozen=True, slots=True)
class _Declared:
    """What one class comes from."""

    fields: Fields
    doc: str
    description: str | None = None
    aliases: Mapping[str, str] | None = None


class ModelsView:
    """What the template `models.py.jinja` writes down."""

    def __init__(self, config: Config, rows: Mapping[tuple[str, str], TriggerModel]) -> None:
        self._types = config.types
        self.application = config.name
        declared = dict(sorted(_declared(config, rows)))
        enums = {name: shared for name, shared in sorted(config.types.items()) if isinstance(shared, Enum)}
        refs = {name: shared for name, shared in sorted(config.types.items()) if isinstance(shared, ModelRef)}
        fields = {field.name for model in declared.values() for field in model.fields.fields}
        self._imports = Imports({*declared, *enums, *refs, *fields})
        self._aliases = Aliases(config.generate.python, self._imports)
        self.enums = [self._enum(name, enum) for name, enum in enums.items()]
        self.models = [self._model(name, model) for name, model in declared.items()]
        self.refs = [_ref(name, ref) for name, ref in refs.items()]
        self.exports = _exports(sorted({*declared, *enums, *refs}))
        self.imports = self._imports.write()

    def _enum(self, name: str, enum: Enum) -> str:
        return self._aliases.write(name, literal_type(enum.values, self._imports))

    def _model(self, name: str, model: _Declared) -> Model:
        aliases = model.aliases or {}
        fields = [self._field(field, aliases.get(field.name)) for field in model.fields.fields]
        header = class_header(name, (self._imports.name(MODEL, "Model"), "frozen=True"))
        return Model(header, docstring(model.description, model.doc, 4), fields)

    def _field(self, field: Field, alias: str | None) -> str:
        extra = {"description": field.description} if field.description is not None else {}
        parts: list[Source] = [f"{field.name}: ", annotation(field.type, self._imports, extra)]
        if alias is not None:
            parts += [" = ", Group(f"{self._imports.name(MODEL, 'Field')}(", (f"alias={string(alias)}",), ")")]
        elif not field.required:
            parts += [" = ", default(field.type, field.default, self._types, self._imports)]
        return statement(*parts, indent=4)


def _declared(config: Config, rows: Mapping[tuple[str, str], TriggerModel]) -> Iterator[tuple[str, _Declared]]:
    for name, shared in config.types.items():
        if isinstance(shared, Fields):
            yield name, _Declared(shared, f"Shared type `{name}`.")
    for event in config.events.values():
        if isinstance(event.payload, Fields):
            yield event_model(event.name), _Declared(event.payload, f"Event `{event.name}`.", event.description)
    for task in config.tasks.values():
        if isinstance(task.payload, Fields):
            yield payload_model(task.name), _Declared(task.payload, f"Payload of task `{task.name}`.")
        if isinstance(task.result, Fields):
            yield result_model(task.name), _Declared(task.result, f"Result of task `{task.name}`.")
    for row in rows.values():
        yield row.name, _Declared(row.fields, row.name, row.description, row.aliases)


def _ref(name: str, ref: ModelRef) -> str:
    return import_statement(ref.module, [name if ref.name == name else f"{ref.name} as {name}"])


def _exports(names: list[str]) -> str:
    if not names:
        return "__all__: list[str] = []"
    return statement("__all__ = ", Group("[", tuple(string(name) for name in names), "]"))
