"""`${VAR}` at run time."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgconductor.errors import PlanError
from pgconductor.plan.interpolate import interpolate

RUN_TIME_CODES = {"CFG603", "CFG604"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("postgresql://db/shop", "postgresql://db/shop"),
        ("${NAME}", "shop"),
        ("a${NAME}b${NAME}c", "ashopbshopc"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:-b?c}", "a:-b?c"),
        ("${NAME:-x}", "shop"),
        ("${NAME:?must be}", "shop"),
        ("$$", "$"),
        ("$${NAME}", "${NAME}"),
        ("$$$$", "$$"),
        ("}{", "}{"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert interpolate(text, {"NAME": "shop", "EMPTY": ""}) == expected


def test_values_are_not_expanded_again() -> None:
    assert interpolate("${A}", {"A": "${B} $$ $x", "B": "no"}) == "${B} $$ $x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "${PGPASSWORD}",
            "CFG603: the environment variable PGPASSWORD is not set; set it, or write `${PGPASSWORD:-default}` in "
            "conductor.toml",
        ),
        ("${URL:?ask ops}", "CFG604: the environment variable URL is not set: ask ops"),
        ("${URL:?}", "CFG604: the environment variable URL is not set: it must not be empty"),
        (
            "pa$word",
            "CFG601: a dollar sign that begins no placeholder; write `${VAR}`, or `$$` for a dollar sign",
        ),
    ],
)
def test_an_unset_variable_is_an_error_that_names_it(text: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        interpolate(text, {})
    assert str(caught.value) == message


def test_a_demanded_variable_may_not_be_empty() -> None:
    with pytest.raises(PlanError, match="CFG604"):
        interpolate("${URL:?ask ops}", {"URL": ""})


@given(st.text())
def test_doubled_dollars_give_any_text_back(text: str) -> None:
    assert interpolate(text.replace("$", "$$"), {}) == text


@given(st.text(alphabet="${}:-?AB_ x"))
def test_any_text_expands_or_says_why_not(text: str) -> None:
    with suppress(PlanError):
        interpolate(text, {"A": "1"})
