"""Log lines: text for people, JSON for programs, with the same facts."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from pgconductor.cli.logs import JsonFormatter, TextFormatter


def record(message: str = "completed", *, name: str = "pgconductor.executions", **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.INFO, __file__, 1, message, None, None)
    made.__dict__.update(extra)
    return made


FACTS: dict[str, Any] = {"event": "completed", "task": "greet", "queue": "default", "execution_id": "01", "attempt": 1}


def test_text_has_time_level_and_message() -> None:
    line = TextFormatter().format(record("completed greet", pgconductor=FACTS))
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} INFO    completed greet", line)


def test_a_handlers_own_line_says_whose_it_is() -> None:
    line = TextFormatter().format(record("hello", name="pgconductor.handlers", **FACTS))
    assert line.endswith("INFO    hello task=greet execution_id=01")


@pytest.mark.parametrize("extra", [{"pgconductor": FACTS}, FACTS])
def test_json_is_one_object_a_line_with_every_fact(extra: dict[str, Any]) -> None:
    text = JsonFormatter().format(record('two\nlines "quoted"', **extra))
    assert "\n" not in text
    line = json.loads(text)
    assert {name: line[name] for name in FACTS} == FACTS
    assert (line["level"], line["message"]) == ("info", 'two\nlines "quoted"')
    assert line["time"].endswith("+00:00")


def test_json_has_the_traceback() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        made = record("failed")
        made.exc_info = (ValueError, error, error.__traceback__)
    assert "ValueError: broken" in json.loads(JsonFormatter().format(made))["exception"]
