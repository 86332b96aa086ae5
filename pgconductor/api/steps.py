"""The functions of steps: how they are called, and how their values are stored and come back as what they were."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from pgconductor.api.codec import Codec
from pgconductor.errors import ValidationError

_PLAIN = (str, int, float, bool, type(None))
_known: WeakKeyDictionary[Any, StepFunction] = WeakKeyDictionary()


class StepFunction:
    """What is known of a function that is a step, looked up once.

    Attributes:
        is_async: it is a coroutine function.
    """

    __slots__ = ("_codec", "_odd_annotation", "is_async")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.is_async = inspect.iscoroutinefunction(function)
        self._odd_annotation: str | None = None
        self._codec: Codec[Any] | None = None
        annotated = _unwrapped(function)
        annotation = getattr(annotated, "__annotations__", {}).get("return", inspect.Parameter.empty)
        if annotation in (inspect.Parameter.empty, Any, "Any", object, "object"):
            return
        try:
            hint = typing.get_type_hints(annotated, include_extras=True)["return"]
        except Exception as error:
            self._odd_annotation = f"{annotation!r}, cannot be resolved ({error})"
            return
        self._codec = Codec(type(None) if hint is None else hint, "value")

    def encode(self, name: str, value: Any) -> bytes:
        """The JSON text of what the step `name` returned.

        Raises:
            ValidationError: it cannot be stored; the message names the step and the value's type.
        """
        codec = self._codec
        if codec is None:
            self._check_plain(name, value)
            codec = _ANY
        try:
            return codec.encode(value)
        except ValidationError as error:
            reason = str(error).removeprefix(f"{codec.label} refused:").removeprefix(" ")
            raise ValidationError(f"step `{name}` returned {_named(value)}, which cannot be stored: {reason}") from None

    def decode(self, name: str, stored: str | None) -> Any:
        """The value that the step returned before.

        Raises:
            ValidationError: it does not fit the annotation, which has changed.
        """
        try:
            return (self._codec or _ANY).decode(stored or "null")
        except ValidationError as error:
            raise ValidationError(f"what step `{name}` returned before does not fit its function: {error}") from None

    def _check_plain(self, name: str, value: Any) -> None:
        if self._odd_annotation is not None:
            raise ValidationError(
                f"step `{name}`: what its function returns, {self._odd_annotation}; import the type at the top of the "
                "function's module"
            )
        if (odd := _odd_type(value)) is not None:
            raise ValidationError(
                f"step `{name}` returned {odd}, and its function says no return type: annotate it, so that the value "
                "can be stored and come back as what it was"
            )


def step_function(function: Callable[..., Any]) -> StepFunction:
    """What is known of a function."""
    try:
        return _known[function]
    except KeyError:
        found = _known[function] = StepFunction(function)
        return found
    except TypeError:  # an object that cannot be referred to weakly
        return StepFunction(function)


def _unwrapped(function: Callable[..., Any]) -> Any:
    """Where the annotations are."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(getattr(function, "__func__", function))
    return function if inspect.isroutine(function) else type(function).__call__


def _odd_type(value: Any) -> str | None:
    """The type of a value that would not come back as what it is; None for plain JSON."""
    if type(value) in _PLAIN:
        return None
    if type(value) is list:
        return next((odd for item in value if (odd := _odd_type(item))), None)
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                return f"a dict with keys of type {type(key).__name__}"
            if odd := _odd_type(item):
                return odd
        return None
    return _named(value)


def _named(value: Any) -> str:
    return f"a value of type {type(value).__name__}"


_ANY: Codec[Any] = Codec(typing.cast("type[Any]", Any), "value")
