"""docs/operating.md names commands that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgconductor.cli.main import run

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
SHOWN = re.findall(r"^ {4}(?:eval \"\$\()?pgconductor ([a-z ]+[a-z])", PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", SHOWN)
def test_every_command_shown_exists(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in line.split() if word not in ("mail", "bash", "zsh", "fish")]
    assert run([*words, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: pgconductor {' '.join(words)} [OPTIONS]")


def test_the_page_shows_what_it_is_about() -> None:
    verbs = {line.split()[0] for line in SHOWN}
    assert verbs >= {"status", "top", "tasks", "workers", "executions", "queues", "doctor", "completion"}
