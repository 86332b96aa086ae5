"""What an awaited payload must hold: values of its fields, in the JSON that its model would make of them.

A value is read as its field's type and written as the model writes it. A UUID may so be given as text, and text that is
no UUID is refused at the call instead of waiting for ever.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Annotated, Any, cast

import pydantic
import pydantic_core
from pydantic import BaseModel, TypeAdapter

from pgconductor.api.codec import Codec
from pgconductor.errors import ValidationError

# As JSON. An entry of an index has 2,700 bytes, of which the names of the event and of the fields take some.
LONGEST = 2_000


class Matcher:
    """Reads the `where` of those who wait for one event.

    Args:
        event: its name.
        payload: its payload's type.
    """

    def __init__(self, event: str, payload: Any) -> None:
        self._event = event
        self._pure: Codec[Any] = Codec(cast("type[Any]", Any), f"`where` of event `{event}`")
        self._model = payload if isinstance(payload, type) and issubclass(payload, BaseModel) else None
        self._adapters: dict[str, TypeAdapter[Any]] = {}
        if self._model is not None:
            self._model.model_rebuild()  # generated models put it off until here

    def match(self, where: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that a payload must have, as JSON.

        Raises:
            ValidationError: the payload has no such field, or a value is none that it can have.
        """
        wanted: dict[str, Any] = {}
        for name, value in where.items():
            wanted.update(self._plain(name, value) if self._model is None else self._field(self._model, name, value))
        size = len(self._pure.encode(wanted))
        if size > LONGEST:
            raise ValidationError(
                f"`where` of event `{self._event}` has {size:,} bytes as JSON, more than the {LONGEST:,} that an index "
                "holds; give the event a shorter field to be known by, such as an id"
            )
        return cast("dict[str, Any]", json.loads(self._pure.encode(wanted)))

    def _field(self, model: type[BaseModel], name: str, value: Any) -> dict[str, Any]:
        if name not in model.model_fields:
            close = difflib.get_close_matches(name, model.model_fields, 1)
            advice = f"did you mean `{close[0]}`?" if close else f"it has {', '.join(model.model_fields) or 'none'}"
            raise ValidationError(f"`where`: event `{self._event}` has no field `{name}`; {advice}")
        try:
            read = self._adapter(model, name).validate_python(value)
        except pydantic.ValidationError as error:
            reasons = "; ".join(item["msg"] for item in error.errors(include_url=False, include_input=False))
            raise ValidationError(f"`where`: `{name}` of event `{self._event}` refused: {reasons}") from None
        return model.model_construct(**{name: read}).model_dump(mode="json", include={name})

    def _adapter(self, model: type[BaseModel], name: str) -> TypeAdapter[Any]:
        adapter = self._adapters.get(name)
        if adapter is None:
            field = model.model_fields[name]
            hint: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            try:
                adapter = TypeAdapter(hint, config=model.model_config)
            except pydantic.PydanticUserError:  # a model within the model: it goes by its own
                adapter = TypeAdapter(hint)
            adapter.rebuild()
            self._adapters[name] = adapter
        return adapter

    def _plain(self, name: str, value: Any) -> dict[str, Any]:
        try:
            return {name: pydantic_core.to_jsonable_python(value)}
        except pydantic_core.PydanticSerializationError as error:
            raise ValidationError(f"`where`: `{name}` cannot be written as JSON: {error}") from None
