"""What docs/checking.md and docs/editors.md show is what happens."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from pgconductor.build.editorschema import DIRECTIVE
from pgconductor.cli.main import run

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of one kind, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


def shown(block: str) -> tuple[list[str], str]:
    """The words of the one command of a block, and what it prints."""
    command, _, output = block.partition("\n")
    return command.removeprefix("$ pgconductor ").split(), output


def said(words: list[str]) -> str:
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        run(words)
    return out.getvalue()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """The project of checking.md as it was deployed, committed on main."""
    (tmp_path / "conductor.toml").write_text(blocks("checking.md", "toml")[0])
    with chdir(tmp_path):
        assert run(["generate"]) == 0
        for words in (["init", "--initial-branch", "main"], ["add", "."], ["commit", "--message", "as deployed"]):
            identity = ["-c", "user.name=shop", "-c", "user.email=shop@example.org", "-c", "commit.gpgsign=false"]
            subprocess.run(["git", *identity, *words], check=True, capture_output=True)
        yield tmp_path


def test_spelling_is_mended_as_shown(project: Path) -> None:
    path = project / "conductor.toml"
    path.write_text(path.read_text().replace("handler =", 'qeueu = "defualt"\nhandler ='))
    words, output = shown(blocks("checking.md", "console")[0])
    assert said(words) == output


def test_queued_rows_are_compared_as_shown(project: Path) -> None:
    before, after = blocks("checking.md", "toml")
    (project / "conductor.toml").write_text(before.partition("[types.Plan]")[0] + after)
    words, output = shown(blocks("checking.md", "console")[1])
    assert said(words) == output


def test_the_schema_is_written_as_shown(project: Path) -> None:
    [line] = blocks("editors.md", "toml")
    assert line.strip() == DIRECTIVE
    (project / "conductor.toml").write_text(line + (project / "conductor.toml").read_text())
    words, output = shown(blocks("editors.md", "console")[0])
    assert said(words) == output


def test_every_command_of_ci_is_understood(project: Path) -> None:
    [steps] = blocks("checking.md", "yaml")
    subprocess.run(["git", "update-ref", "refs/remotes/origin/main", "main"], check=True)
    for words in re.findall(r"pgconductor (.*)", steps):
        # The handler's module is not written: only that is wrong.
        assert run([word for word in words.split() if word != "--imports"]) == 0
