"""Options of an enqueue, checked before anything is sent."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from pgconductor.api.options import ThrottledOptions
from pgconductor.duration import to_milliseconds
from pgconductor.errors import ValidationError
from pgconductor.store.enqueue import Terms

LONGEST_KEY = 512  # characters; with its task's name it must fit an index entry of 2,700 bytes
LONGEST_TAG = 128
MOST_TAGS = 64

NAMES = frozenset(ThrottledOptions.__annotations__)
_EXCLUSIVE = (("delay", "run_at"), ("throttle", "debounce"), ("debounce", "delay"), ("debounce", "run_at"))


class _Refusal(Exception):
    """A value is not what its option takes; the message is the end of a sentence that begins with the option."""


def apply_options(terms: Terms, options: Mapping[str, Any], task: str) -> tuple[Terms, bytes | None]:
    """The terms under these options, and the supplied id.

    Args:
        terms: what holds without any.
        task: its name, for messages.

    Raises:
        ValidationError: naming the option.
    """
    given = {name: value for name, value in options.items() if value is not None}
    _refuse_misnamed(given, task)
    for one, other in _EXCLUSIVE:
        if one in given and other in given:
            _refuse(task, one, f"excludes `{other}`: give one of them")
    execution_id = given.pop("id", None)
    changes = {_FIELDS[name]: _checked(task, name, value) for name, value in given.items()}
    return terms._replace(**changes), None if execution_id is None else _checked(task, "id", execution_id)


def read_id(value: UUID | str) -> bytes:
    """The 16 bytes of an execution's id.

    Raises:
        ValidationError: not a UUID.
    """
    try:
        return _id(value)
    except _Refusal as refusal:
        raise ValidationError(f"`id` {refusal}") from None


def _refuse_misnamed(options: Mapping[str, Any], task: str) -> None:
    for name in options:
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, 1)
            advice = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(sorted(NAMES))}"
            _refuse(task, name, f"is no option; {advice}")


def _refuse(task: str, option: str, reason: str) -> NoReturn:
    raise ValidationError(f"`{option}` of task `{task}` {reason}")


def _checked(task: str, option: str, value: Any) -> Any:
    try:
        return _CHECKS[option](value)
    except _Refusal as refusal:
        _refuse(task, option, str(refusal))


def _priority(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Refusal(f"is an integer from -100 to 100, not {_kind(value)}")
    if not -100 <= value <= 100:
        raise _Refusal(f"is an integer from -100 to 100, not {value}")
    return value


def _duration(value: Any) -> int:
    try:
        return to_milliseconds(value)
    except (TypeError, ValueError) as error:
        raise _Refusal(f"is refused: {error}") from None


def _slot(value: Any) -> int:
    milliseconds = _duration(value)
    if milliseconds == 0:
        raise _Refusal("must be longer than zero")
    return milliseconds


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise _Refusal(f"is a datetime, not {_kind(value)}")
    if value.utcoffset() is None:
        raise _Refusal("has no time zone; say which: datetime(..., tzinfo=UTC), or `delay` for a span from now")
    return value


def _key(value: Any) -> str:
    return _text(value, LONGEST_KEY)


def _tags(value: Any) -> tuple[str, ...]:
    if isinstance(value, (str, bytes)):
        raise _Refusal(f"is a list of texts, not {_kind(value)}; one tag is written [{value!r}]")
    try:
        tags = tuple(value)
    except TypeError:
        raise _Refusal(f"is a list of texts, not {_kind(value)}") from None
    if len(tags) > MOST_TAGS:
        raise _Refusal(f"holds {len(tags)}; at most {MOST_TAGS} are kept")
    return tuple(_text(tag, LONGEST_TAG) for tag in tags)


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise _Refusal(f"is text, not {_kind(value)}")
    if not value:
        raise _Refusal("is empty")
    if len(value) > longest:
        raise _Refusal(f"has {len(value)} characters; at most {longest} are kept")
    if "\0" in value:
        raise _Refusal("holds a NUL character, which PostgreSQL cannot store")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _Refusal("holds a lone surrogate, which is not Unicode text")
    return value


def _id(value: Any) -> bytes:
    if isinstance(value, UUID):
        return value.bytes
    if not isinstance(value, str):
        raise _Refusal(f"is a UUID, not {_kind(value)}")
    try:
        return UUID(value).bytes
    except ValueError:
        raise _Refusal(f"is a UUID, not {value!r}") from None


def _kind(value: Any) -> str:
    return type(value).__name__


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "priority": _priority,
    "delay": _duration,
    "run_at": _moment,
    "dedupe_key": _key,
    "throttle": _slot,
    "debounce": _slot,
    "tags": _tags,
    "id": _id,
}
_FIELDS = {
    "priority": "priority",
    "delay": "delay_ms",
    "run_at": "run_at",
    "dedupe_key": "key",
    "throttle": "throttle_ms",
    "debounce": "debounce_ms",
    "tags": "tags",
}
