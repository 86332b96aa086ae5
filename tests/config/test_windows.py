"""Windows of the week."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgconductor.config.windows import DAYS, Window, WindowError, parse

WEEK = tuple(range(7))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mon-fri 22:00-06:00", Window((0, 1, 2, 3, 4), 22 * 60, 30 * 60)),
        ("sat-sun", Window((5, 6), 0, 1440)),
        ("fri-mon", Window((0, 4, 5, 6), 0, 1440)),
        ("mon,wed,fri", Window((0, 2, 4), 0, 1440)),
        ("mon,mon-tue", Window((0, 1), 0, 1440)),
        ("09:00-17:30", Window(WEEK, 540, 1050)),
        ("00:00-24:00", Window(WEEK, 0, 1440)),
        ("22:00-24:00", Window(WEEK, 1320, 1440)),
        ("22:00-00:00", Window(WEEK, 1320, 1440)),
        ("SUN 23:59-00:01", Window((6,), 1439, 1441)),
        ("  sat   10:00-11:00 ", Window((5,), 600, 660)),
    ],
)
def test_what_a_window_means(text: str, expected: Window) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "mon tue", "monday", "mon-", "-mon", "mon--tue", "mon-tue-wed", ",", "9:00-10:00", "10:00",
        "24:00-01:00", "10:60-11:00", "25:00-26:00", "10:00-10:00", "mon 10:00-11:00 tue",
        "\u0661\u0660:\u0660\u0660-11:00", "10:00\u201311:00",
    ],
)  # fmt: skip
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(WindowError) as caught:
        parse(text)
    assert 0 <= caught.value.start <= caught.value.end <= len(text)


@given(st.sampled_from(DAYS), st.sampled_from(DAYS), st.integers(0, 1439), st.integers(1, 1440))
def test_every_range_lies_in_a_day_and_the_next(first: str, last: str, start: int, end: int) -> None:
    if start == end:
        end = 1440
    window = parse(f"{first}-{last} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}")
    assert window.start == start
    assert window.end - (1440 if window.end != end else 0) == end
    assert window.start < window.end < window.start + 1440 + 1
    assert len(window.days) == (DAYS.index(last) - DAYS.index(first)) % 7 + 1


@given(st.text(max_size=20))
def test_any_text_is_a_window_or_none(text: str) -> None:
    try:
        parse(text)
    except WindowError as error:
        place = error.start, error.end
    else:
        return
    assert 0 <= place[0] <= place[1] <= len(text)
