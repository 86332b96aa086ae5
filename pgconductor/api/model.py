"""What generated models are made of.

Producers are strict: a model refuses unknown fields, NaN and later changes. Workers are tolerant: they decode with
unknown fields ignored (`Task.decode`), so that a newer producer cannot kill an older worker.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, AnyUrl, BaseModel, EmailStr, Field, JsonValue, TypeAdapter

# Generated code takes pydantic's own from here too, so that all it imports is pgconductor.
__all__ = ["EmailStr", "Field", "JsonValue", "Model", "Url", "default"]


# In the header, where type checkers find `frozen`; they do not read model_config.
class Model(
    BaseModel,
    frozen=True,
    extra="forbid",
    allow_inf_nan=False,
    # A process that uses three of three hundred models builds three.
    defer_build=True,
    # A NaN that came in as `any` stays visible in the JSON, where `Task.encode` refuses it; `null` would hide it.
    ser_json_inf_nan="constants",
    ser_json_bytes="base64",
    val_json_bytes="base64",
):
    """Base of the generated models.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or of another type; it lists every one.

    Example:
        >>> class Mail(Model, frozen=True):
        ...     to: str
        >>> Mail(to="a@b.c").to
        'a@b.c'
    """


_URL = TypeAdapter(AnyUrl)


def _check_url(text: str) -> str:
    _URL.validate_python(text)
    return text


# Text as it was given: `AnyUrl` would hand out an object, and add a slash to "https://example.org".
Url: TypeAlias = Annotated[str, AfterValidator(_check_url)]


def default(value: object) -> Any:
    """A field's default that is written as JSON: read as the field's type, anew whenever it is used.

    Example:
        >>> from datetime import date
        >>> class Report(Model, frozen=True):
        ...     since: date = default("2024-01-31")
        >>> Report().since
        datetime.date(2024, 1, 31)
    """
    return Field(default=value, validate_default=True)
