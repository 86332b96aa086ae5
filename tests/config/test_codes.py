"""Each code: its exact text, and the proof that something gives it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from syrupy.assertion import SnapshotAssertion

from pgconductor.config import Diagnostic, render
from pgconductor.config.codes import CODES
from tests.config.cases import CASES
from tests.plan.test_interpolate import RUN_TIME_CODES

Problems = Callable[..., tuple[Diagnostic, ...]]


@pytest.mark.parametrize("name", CASES)
def test_text_of(name: str, problems: Problems, snapshot: SnapshotAssertion) -> None:
    case = CASES[name]
    found = problems(case.toml, files=case.files)
    assert tuple(sorted(item.code for item in found)) == tuple(sorted(case.codes))
    assert render(found, "text") == snapshot


def test_every_code_is_given_by_some_case() -> None:
    given = {code for case in CASES.values() for code in case.codes} | RUN_TIME_CODES
    assert given == set(CODES)


@pytest.mark.parametrize("code", CODES.values(), ids=str)
def test_every_code_is_explained(code: object) -> None:
    found = CODES[str(code)]
    assert found.title
    assert found.title[0].islower() or found.title.startswith(("JSON", "a JSON"))
    assert len(found.explanation) > 60
    assert found.explanation.endswith(".")


def test_no_message_speaks_of_what_is_inside(problems: Problems) -> None:
    for case in CASES.values():
        text = render(problems(case.toml, files=case.files), "text")
        for word in ("pydantic.dev", "validation error", "Input should", "Traceback", "NoneType", "ValueError"):
            assert word not in text
