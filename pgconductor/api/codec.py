"""JSON in and out of one type: tolerant when reading, strict when writing.

Both directions run once a job. The validator and the serializer are pydantic's own, looked up once; what is not
JSON is looked for in the bytes that were made, and only a suspicion costs a walk through the value.
"""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from functools import cached_property, partial
from typing import Any, Generic, Literal, NoReturn, TypeAlias, cast

import pydantic
from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticSerializationError
from typing_extensions import TypeVar

from pgconductor.api.model import Model
from pgconductor.errors import BindingError, ValidationError

T = TypeVar("T")

Path: TypeAlias = "tuple[str | int, ...]"

_BACKSLASH = 0x5C
_SCALARS = frozenset({bool, int, str, type(None)})
# pydantic's default is to write NaN as null; in texts all of these are innocent.
_HIDDEN = re.compile(rb"NaN|Infinity|null")


class Codec(Generic[T]):
    """Reads and writes values of one type.

    Args:
        source: the type, or "module:Class" of one to be imported at first use.
        label: what the values are, for messages: "payload of task `send_email`".
    """

    def __init__(self, source: type[T] | str, label: str) -> None:
        self._source = source
        self.label = label

    @cached_property
    def target(self) -> type[T]:
        """The type itself.

        Raises:
            BindingError: it cannot be imported.
        """
        if not isinstance(self._source, str):
            return self._source
        module, _, name = self._source.partition(":")
        try:
            return cast("type[T]", getattr(importlib.import_module(module), name))
        except (ImportError, AttributeError) as error:
            raise BindingError(f"{self.label}: `{self._source}` cannot be imported: {error}") from error

    def decode(self, raw: bytes | str) -> T:
        """The value that a stored JSON text means. Unknown fields are ignored.

        Raises:
            ValidationError: the text does not fit the type; the message names the fields.
        """
        try:
            return self._read(raw)
        except pydantic.ValidationError as error:
            self._refuse(_misfits(error))

    def validate(self, raw: bytes | str) -> T:
        """The value that a person's JSON text means. Unknown fields are refused, and so is all that `encode` refuses.

        Raises:
            ValidationError: the text does not fit the type; the message names the fields.
        """
        try:
            value = cast("T", self._adapter.validator.validate_json(raw, by_alias=True, by_name=True))
        except pydantic.ValidationError as error:
            self._refuse(_misfits(error))
        self.encode(value)
        return value

    def encode(self, value: T) -> bytes:
        """The JSON text of a value.

        Raises:
            ValidationError: not a value of the type, or one that holds NUL, a lone surrogate, NaN or an infinity; the
                message names the fields.
        """
        # Asking a pydantic class about an instance goes through its metaclass and takes as long as writing the JSON.
        if type(value) is not self._class and not isinstance(value, self._class):
            self._refuse([((), f"expected {self._class.__name__}, got {type(value).__name__}")])
        try:
            raw = self._write(value)
        except PydanticSerializationError as error:
            self._refuse_unwritable(value, error)
        # One character is found twenty times as fast as a word: the words are only looked for where they may stand.
        if (_BACKSLASH in raw and b"\\u0000" in raw) or (not self._is_strict and _HIDDEN.search(raw)):
            self._inspect(value, raw)
        return raw

    @cached_property
    def _read(self) -> Callable[[bytes | str], T]:
        # A type that keeps extra fields would lose them if they were ignored here.
        keeps_extra = any(model.get("config", {}).get("extra_fields_behavior") == "allow" for model in self._models)
        extra: Literal["ignore"] | None = None if keeps_extra else "ignore"
        return partial(self._adapter.validator.validate_json, extra=extra, by_alias=True, by_name=True)

    @cached_property
    def _write(self) -> Callable[[T], bytes]:
        to_json = self._adapter.serializer.to_json
        # An instance of a frozen model is what its type says, and so is a scalar. Others may have been changed since
        # they were validated, so they are checked as they are written, which costs 2 us.
        checked = self._is_strict or self._class in _SCALARS
        return to_json if checked else partial(to_json, warnings="error")

    @cached_property
    def _class(self) -> type[Any]:
        """What values are instances of; `object` for what is no class, such as a union."""
        target: Any = self.target
        return target if isinstance(target, type) and target is not Any else object

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        found: Any = self.target
        if isinstance(found, type) and issubclass(found, BaseModel):
            found.model_rebuild()  # generated models put it off until here
        adapter = TypeAdapter(found)
        adapter.rebuild()  # and so does the adapter of one
        return adapter

    @cached_property
    def _models(self) -> list[dict[str, Any]]:
        """The schema of every model or dataclass within the type."""
        return [node for node in _nodes(self._adapter.core_schema) if node.get("type") in ("model", "dataclass")]

    @cached_property
    def _is_strict(self) -> bool:
        """Whether all of the type is generated and checked: then its instances are frozen and hold no NaN."""
        generated = bool(self._models) and all(issubclass(model["cls"], Model) for model in self._models)
        return generated and all(node.get("type") != "any" for node in _nodes(self._adapter.core_schema))

    def _inspect(self, value: T, raw: bytes) -> None:
        """Refuse what is not JSON, if anything is: texts may well spell "NaN"."""
        stored = self._adapter.serializer.to_python(value, warnings=False)
        problems = {**dict(_impurities(json.loads(raw))), **dict(_impurities(stored))}
        if problems:
            self._refuse(problems.items())

    def _refuse_unwritable(self, value: T, error: PydanticSerializationError) -> NoReturn:
        try:
            stored = self._adapter.serializer.to_python(value, warnings=False)
            problems = list(_impurities(stored))
            if not problems:
                self._adapter.validator.validate_python(stored, by_alias=True, by_name=True)
        except pydantic.ValidationError as misfit:
            problems = list(_misfits(misfit))
        except PydanticSerializationError:
            problems = []
        self._refuse(problems or [((), f"it cannot be written as JSON: {error}")])

    def _refuse(self, problems: Any) -> NoReturn:
        listed = [f"`{'.'.join(map(str, path))}`: {reason}" if path else reason for path, reason in problems]
        text = f" {listed[0]}" if len(listed) == 1 else "".join(f"\n  {line}" for line in listed)
        raise ValidationError(f"{self.label} refused:{text}") from None


def _misfits(error: pydantic.ValidationError) -> Iterator[tuple[Path, str]]:
    # Without the input: payloads may hold personal data, and messages end up in logs.
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        yield item["loc"], item["msg"]


def _impurities(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """What PostgreSQL or JSON has no way to hold, with the path of each."""
    match value:
        case str():
            if reason := _text_problem(value):
                yield path, reason
        case bool() | int() | None:
            return
        case float():
            if not math.isfinite(value):
                yield path, f"{value} is not JSON"
        case Decimal():
            if not value.is_finite():
                yield path, f"{value} is not a number"
        case Enum():
            yield from _impurities(value.value, path)
        case dict():
            for key, item in value.items():
                yield from _impurities(key, (*path, _printable(str(key))))
                yield from _impurities(item, (*path, _printable(str(key))))
        case list() | tuple() | set() | frozenset():
            for index, item in enumerate(value):
                yield from _impurities(item, (*path, index))


def _text_problem(text: str) -> str | None:
    if "\0" in text:
        return "the text holds a NUL character, which PostgreSQL cannot store"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "the text holds a lone surrogate, which is not Unicode text"
    return None


def _printable(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode().replace("\0", "\\0") if _text_problem(text) else text


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every node of a core schema."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from _nodes(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _nodes(value)
