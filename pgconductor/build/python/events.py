"""The view of `events.py`: a typed event each."""

from __future__ import annotations

from dataclasses import dataclass

from pgconductor.build.python.imports import Imports
from pgconductor.build.python.layout import Group, statement
from pgconductor.build.python.text import docstring, string
from pgconductor.config.model import Config, Event
from pgconductor.config.names import event_attribute, event_model
from pgconductor.config.types import ModelRef


@dataclass(frozen=True, slots=True)
class EventSource:
    """One event, as source."""

    definition: str
    doc: str


class EventsView:
    """What the template `events.py.jinja` writes down."""

    def __init__(self, config: Config) -> None:
        self.application = config.name
        events = [event for _, event in sorted(config.events.items())]
        self._imports = Imports(event_attribute(event.name) for event in events)
        self.events = [self._event(event) for event in events]
        self.imports = self._imports.write()

    def _event(self, event: Event) -> EventSource:
        payload, value = self._payload(event)
        cls = self._imports.name("pgconductor.api.event", "Event")
        final = Group(f"{self._imports.name('typing', 'Final')}[", (Group(f"{cls}[", (payload,), "]"),), "]")
        made = Group(f"{cls}(", (f"name={string(event.name)}", f"payload={value}"), ")")
        definition = statement(f"{event_attribute(event.name)}: ", final, " = ", made)
        return EventSource(definition, docstring(event.description, f"Event `{event.name}`.", 0))

    def _payload(self, event: Event) -> tuple[str, str]:
        """A payload's type in an annotation, and as `Event` takes it."""
        if isinstance(event.payload, ModelRef):
            # A class of the user's own is imported by type checkers only.
            return self._imports.typing(event.payload.module, event.payload.name), string(str(event.payload))
        model = self._imports.name(".models", event_model(event.name))
        return model, model
