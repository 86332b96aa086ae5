"""Cron expressions."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgconductor.config.cron import ALIASES, CronError, check


@pytest.mark.parametrize(
    "text",
    [
        *ALIASES, "0 9 * * mon-fri", "*/5 * * * *", "0 0 L * *", "0 0 LW * *", "0 0 * * mon#1", "0 0 * * 5L",
        "0 0 29 2 *", "0 0 31 * *", "1,2,3-5/2 0-23 1-31 jan-dec 0-7", "  0  9  *  *  *  ",
    ],
)  # fmt: skip
def test_what_is_one(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("60 * * * *", "60"),
        ("* 24 * * *", "24"),
        ("* * 0 * *", "0"),
        ("* * * 13 *", "13"),
        ("* * * * 8", "8"),
        ("* * * * mom", "mom"),
        ("*/0 * * * *", "*/0"),
        ("* * * * mon#1/2", "mon#1/2"),
        ("0 9 * *", "0 9 * *"),
        ("0 0 9 * * *", "0 0 9 * * *"),
        ("@reboot", "@reboot"),
        ("@DAILY", "@DAILY"),
        ("0 0 31 4,6 *", "0 0 31 4,6 *"),
        ("٣ 9 * * *", "٣"),
    ],
)
def test_what_is_none_and_where(text: str, wrong: str) -> None:
    with pytest.raises(CronError) as caught:
        check(text)
    assert text[caught.value.start : caught.value.end] == wrong


@given(st.text(alphabet="0123456789*/-,#L @?adjmnoru", max_size=40) | st.text(max_size=300))
def test_any_text_is_one_or_none(text: str) -> None:
    with suppress(CronError):
        check(text)
