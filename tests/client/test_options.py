"""Options are checked before anything is sent, and refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from pgconductor.client.options import LONGEST_KEY, LONGEST_TAG, MOST_TAGS, NAMES, apply_options
from pgconductor.errors import ValidationError
from pgconductor.store.enqueue import Terms

TERMS = Terms("send", "mail", 1, 0)
NAME = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)


def changes(**options: Any) -> tuple[dict[str, Any], bytes | None]:
    terms, execution_id = apply_options(TERMS, options, "send")
    return {name: value for name, value in terms._asdict().items() if getattr(TERMS, name) != value}, execution_id


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {}),
        ({"priority": 100}, {"priority": 100}),
        ({"priority": -100}, {"priority": -100}),
        ({"delay": "1h30m"}, {"delay_ms": 5_400_000}),
        ({"delay": timedelta(seconds=2)}, {"delay_ms": 2_000}),
        ({"delay": 0.5}, {"delay_ms": 500}),
        ({"delay": 0}, {"delay_ms": 0}),
        ({"run_at": NOON}, {"run_at": NOON}),
        ({"dedupe_key": "k" * LONGEST_KEY}, {"key": "k" * LONGEST_KEY}),
        ({"throttle": "1m"}, {"throttle_ms": 60_000}),
        ({"throttle": "1m", "delay": "5s"}, {"throttle_ms": 60_000, "delay_ms": 5_000}),
        ({"debounce": 1}, {"debounce_ms": 1_000}),
        ({"tags": ["a", "b"]}, {"tags": ("a", "b")}),
        ({"tags": iter(["a"])}, {"tags": ("a",)}),
        ({"priority": None, "delay": None, "throttle": None}, {}),
    ],
)
def test_what_options_change(options: dict[str, Any], expected: dict[str, Any]) -> None:
    assert changes(**options) == (expected, None)


@pytest.mark.parametrize("name", [NAME, str(NAME), NAME.hex])
def test_an_id_in_any_spelling(name: UUID | str) -> None:
    assert changes(id=name) == ({}, NAME.bytes)


def refusals() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"priority": 101}, "`priority` of task `send` is an integer from -100 to 100, not 101"
    yield {"priority": "5"}, "`priority` of task `send` is an integer from -100 to 100, not str"
    yield {"priority": True}, "`priority` of task `send` is an integer from -100 to 100, not bool"
    yield (
        {"delay": "5"},
        (
            '`delay` of task `send` is refused: "5" is not a duration such as "250ms", "30s", "1h30m" or "7d"; '
            'a number needs its unit: "5s"'
        ),
    )
    yield {"delay": -1}, "`delay` of task `send` is refused: a duration cannot be negative: -1"
    yield {"delay": float("nan")}, "`delay` of task `send` is refused: a duration must be finite, not nan"
    yield {"delay": "1s", "run_at": NOON}, "`delay` of task `send` excludes `run_at`: give one of them"
    yield (
        {"run_at": NOON.replace(tzinfo=None)},
        (
            "`run_at` of task `send` has no time zone; say which: datetime(..., tzinfo=UTC), "
            "or `delay` for a span from now"
        ),
    )
    yield {"run_at": "2030-06-01"}, "`run_at` of task `send` is a datetime, not str"
    yield {"throttle": "1s", "debounce": "1s"}, "`throttle` of task `send` excludes `debounce`: give one of them"
    yield {"debounce": "1s", "delay": "1s"}, "`debounce` of task `send` excludes `delay`: give one of them"
    yield {"debounce": "1s", "run_at": NOON}, "`debounce` of task `send` excludes `run_at`: give one of them"
    yield {"throttle": 0}, "`throttle` of task `send` must be longer than zero"
    yield {"debounce": "0s"}, "`debounce` of task `send` must be longer than zero"
    yield {"dedupe_key": ""}, "`dedupe_key` of task `send` is empty"
    yield {"dedupe_key": 5}, "`dedupe_key` of task `send` is text, not int"
    yield {"dedupe_key": "a\0"}, "`dedupe_key` of task `send` holds a NUL character, which PostgreSQL cannot store"
    yield {"dedupe_key": "\ud800"}, "`dedupe_key` of task `send` holds a lone surrogate, which is not Unicode text"
    yield {"dedupe_key": "k" * 513}, "`dedupe_key` of task `send` has 513 characters; at most 512 are kept"
    yield {"tags": "urgent"}, "`tags` of task `send` is a list of texts, not str; one tag is written ['urgent']"
    yield {"tags": 5}, "`tags` of task `send` is a list of texts, not int"
    yield {"tags": [5]}, "`tags` of task `send` is text, not int"
    yield {"tags": ["t" * (LONGEST_TAG + 1)]}, "`tags` of task `send` has 129 characters; at most 128 are kept"
    yield {"tags": ["t"] * (MOST_TAGS + 1)}, "`tags` of task `send` holds 65; at most 64 are kept"
    yield {"id": "nonsense"}, "`id` of task `send` is a UUID, not 'nonsense'"
    yield {"id": 5}, "`id` of task `send` is a UUID, not int"
    yield {"prio": 5}, "`prio` of task `send` is no option; did you mean `priority`?"
    yield (
        {"colour": 5},
        (
            "`colour` of task `send` is no option; there are debounce, dedupe_key, delay, id, priority, run_at, tags, "
            "throttle"
        ),
    )


@pytest.mark.parametrize(("options", "message"), list(refusals()))
def test_what_is_refused_and_how(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as info:
        changes(**options)
    assert str(info.value) == message


def test_every_option_has_a_check() -> None:
    assert {"priority", "delay", "run_at", "dedupe_key", "throttle", "debounce", "id", "tags"} == NAMES
