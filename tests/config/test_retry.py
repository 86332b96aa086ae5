"""Retry policies: what the delays come to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgconductor.config import Config
from pgconductor.config.model import Retry

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000

Valid = Callable[..., Config]


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("{}", Retry(max_attempts=3, delays_ms=(15 * SECOND, 30 * SECOND, 60 * SECOND), jitter=0.1)),
        ("{ max_attempts = 1 }", Retry(max_attempts=1)),
        ('{ max_attempts = "forever" }', Retry(max_attempts=None)),
        ("{ jitter = 0 }", Retry(jitter=0)),
        ('{ schedule = ["0s", "1s", "1s"] }', Retry(delays_ms=(0, SECOND, SECOND))),
        ('{ backoff = "constant", initial = "5s" }', Retry(delays_ms=(5 * SECOND,))),
        (
            '{ max_attempts = 5, backoff = "linear", initial = "1s" }',
            Retry(max_attempts=5, delays_ms=(1000, 2000, 3000, 4000)),
        ),
        (
            '{ max_attempts = 5, backoff = "linear", initial = "10s", factor = 0.5 }',
            Retry(max_attempts=5, delays_ms=(10_000, 15_000, 20_000, 25_000)),
        ),
        (
            '{ max_attempts = "forever", backoff = "linear", initial = "1s", max = "2500ms" }',
            Retry(max_attempts=None, delays_ms=(1000, 2000, 2500)),
        ),
        (
            '{ max_attempts = 6, backoff = "exponential" }',
            Retry(max_attempts=6, delays_ms=(15_000, 30_000, 60_000, 120_000, 240_000)),
        ),
        (
            '{ max_attempts = 100, backoff = "exponential", initial = "10m", factor = 3 }',
            Retry(max_attempts=100, delays_ms=(10 * MINUTE, 30 * MINUTE, HOUR)),
        ),
        ('{ max_attempts = 1, backoff = "exponential", initial = "1s" }', Retry(max_attempts=1, delays_ms=(1000,))),
        ('{ backoff = "exponential", initial = "2h" }', Retry(delays_ms=(2 * HOUR,))),
        (
            '{ max_attempts = 9, backoff = "exponential", initial = "1ms", max = "365d", factor = 1000 }',
            Retry(max_attempts=9, delays_ms=(1, 1000, 1_000_000, 1_000_000_000, 365 * 24 * HOUR)),
        ),
    ],
)
def test_what_a_policy_comes_to(toml: str, expected: Retry, valid: Valid) -> None:
    assert valid(f"[tasks.send]\nretry = {toml}\n").tasks["send"].retry == expected


@pytest.mark.parametrize(
    ("default", "own", "expected"),
    [
        ("{ max_attempts = 9 }", '{ schedule = ["1s"] }', Retry(max_attempts=9, delays_ms=(1000,))),
        (
            '{ schedule = ["1s"], jitter = 0.5 }',
            "{ max_attempts = 9 }",
            Retry(max_attempts=9, delays_ms=(1000,), jitter=0.5),
        ),
        ('{ schedule = ["1s"] }', '{ backoff = "constant", initial = "2s" }', Retry(delays_ms=(2000,))),
        ('{ backoff = "linear", initial = "1s" }', '{ schedule = ["3s"] }', Retry(delays_ms=(3000,))),
        # The formula of the default is worked out for the attempts of the task.
        (
            '{ backoff = "exponential", initial = "1s" }',
            "{ max_attempts = 5 }",
            Retry(max_attempts=5, delays_ms=(1000, 2000, 4000, 8000)),
        ),
    ],
)
def test_defaults_merge_key_by_key_and_delays_as_one(default: str, own: str, expected: Retry, valid: Valid) -> None:
    config = valid(f"[defaults.task]\nretry = {default}\n[tasks.send]\nretry = {own}\n")
    assert config.tasks["send"].retry == expected


def test_exceptions_merge_like_other_keys_and_environments_may_change_them(valid: Valid) -> None:
    config = valid("""
[defaults.task]
retry = { give_up_on = ["ValueError"], max_attempts = 9 }
[tasks.send]
retry = { retry_on = ["shop.errors:Busy", "TimeoutError"] }
[tasks.other]
retry = { give_up_on = [] }
[env.test.tasks.send]
retry = { retry_on = ["OSError"] }
""")
    assert config.tasks["send"].retry == Retry(
        max_attempts=9, retry_on=("shop.errors:Busy", "TimeoutError"), give_up_on=("ValueError",)
    )
    assert config.tasks["other"].retry == Retry(max_attempts=9)
    changed = config.environments["test"].tasks["send"]["retry"]
    assert (changed["retry_on"], changed["give_up_on"]) == (("OSError",), ("ValueError",))
