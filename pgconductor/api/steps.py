"""The values of steps: stored as JSON, and read back as what the function's annotation says."""

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
_codecs: WeakKeyDictionary[Any, Codec[Any] | None] = WeakKeyDictionary()


def encode_step(name: str, function: Callable[..., Any], value: Any) -> str:
    """The JSON text of what a step returned.

    Raises:
        ValidationError: it cannot be stored; the message names the step and the value's type.
    """
    codec = _codec(name, function)
    if codec is None:
        if (odd := _odd_type(value)) is not None:
            raise ValidationError(
                f"step `{name}` returned {odd}, and its function says no return type: annotate it, so that the value "
                "can be stored and come back as what it was"
            )
        codec = _ANY
    try:
        return codec.encode(value).decode()
    except ValidationError as error:
        reason = str(error).removeprefix(f"{codec.label} refused: ")
        raise ValidationError(f"step `{name}` returned {_named(value)}, which cannot be stored: {reason}") from None


def decode_step(name: str, function: Callable[..., Any], stored: str) -> Any:
    """The value that a step returned before.

    Raises:
        ValidationError: it does not fit the annotation, which has changed.
    """
    try:
        return (_codec(name, function) or _ANY).decode(stored)
    except ValidationError as error:
        raise ValidationError(
            f"the stored result of step `{name}` does not fit its function any more: {error}"
        ) from None


def _codec(name: str, function: Callable[..., Any]) -> Codec[Any] | None:
    """None: the function does not say what it returns."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(getattr(function, "__func__", function))
    try:
        return _codecs[function]
    except KeyError:
        codec = _codecs[function] = _make(name, function)
        return codec
    except TypeError:  # an object that takes no weak references
        return _make(name, function)


def _make(name: str, function: Callable[..., Any]) -> Codec[Any] | None:
    described = function if inspect.isroutine(function) else type(function).__call__
    annotation = getattr(described, "__annotations__", {}).get("return", inspect.Parameter.empty)
    if annotation is inspect.Parameter.empty or annotation in (Any, "Any", object, "object"):
        return None
    try:
        hint = typing.get_type_hints(described, include_extras=True)["return"]
    except Exception as error:
        raise ValidationError(
            f"step `{name}`: what its function returns, {annotation!r}, cannot be resolved ({error}); import the type "
            "at the top of the function's module"
        ) from None
    return Codec(type(None) if hint is None else hint, "value")


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
