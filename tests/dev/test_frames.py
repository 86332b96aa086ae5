"""Tracebacks for the person who wrote the code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgconductor.dev.failures import Failures
from pgconductor.dev.frames import user_trace
from pgconductor.runtime.failure import TRACEBACK_LIMIT, Described

MODULE = """\
import json

def read(text):
    return json.loads(text)

def refuse(message):
    raise ValueError(message)

def wrap():
    try:
        read("{")
    except ValueError as error:
        raise LookupError("no such order") from error
"""


@pytest.fixture
def mine(tmp_path: Path) -> dict[str, Any]:
    """The functions of a module of the user's."""
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    namespace: dict[str, Any] = {}
    exec(compile(MODULE, str(path), "exec"), namespace)
    return namespace


def raised(call: Callable[..., object], *arguments: object) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call(*arguments)
    return caught.value


def test_a_traceback_has_the_frames_of_the_user_and_of_nobody_else(mine: dict[str, Any]) -> None:
    trace = user_trace(raised(mine["read"], "{"))
    assert trace.count('File "') == 2, trace  # this test, and the module
    assert "in read" in trace
    assert "json/decoder.py" not in trace
    assert trace.endswith(
        "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    )


def test_what_led_to_it_is_shown_as_well(mine: dict[str, Any]) -> None:
    trace = user_trace(raised(mine["wrap"]))
    assert "in read" in trace
    assert "The above exception was the direct cause" in trace
    assert trace.endswith("LookupError: no such order")
    assert "json/decoder.py" not in trace


def test_an_exception_of_another_process_is_thinned_likewise(mine: dict[str, Any]) -> None:
    for name, arguments in (("read", ("{",)), ("wrap", ())):
        error = raised(mine[name], *arguments)
        trace = user_trace(Described.of(error))
        assert "json/decoder.py" not in trace
        assert "raise JSONDecodeError" not in trace, trace
        assert [line for line in trace.splitlines() if "File" in line] == [
            line for line in user_trace(error).splitlines() if "File" in line
        ]
        assert trace.splitlines()[-1] == user_trace(error).splitlines()[-1]


def test_a_traceback_is_told_once_and_counted_from_then_on(mine: dict[str, Any]) -> None:
    failures = Failures()
    for number in range(1, 4):
        times, trace = failures.tell(raised(mine["refuse"], f"order {number}"))
        if number == 1:
            assert times == ""
            assert trace is not None
            assert trace.endswith("ValueError: order 1")
        else:
            assert times == f" (traceback above, {number} times now)"
            assert trace is None
    _, trace = failures.tell(raised(mine["read"], "{"))
    assert trace is not None, "another place"


def test_a_message_of_a_megabyte_is_cut(mine: dict[str, Any]) -> None:
    assert len(user_trace(raised(mine["refuse"], "x" * 1_000_000))) < TRACEBACK_LIMIT + 100


def test_what_never_met_the_users_code_is_only_a_line() -> None:
    error = raised(json.loads, "{")
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    while error.__traceback__ is not None and "json" not in error.__traceback__.tb_frame.f_code.co_filename:
        error.__traceback__ = error.__traceback__.tb_next
    assert Failures().tell(error) == ("", None)
