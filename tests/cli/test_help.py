"""The help of every command, as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from syrupy.assertion import SnapshotAssertion

from pgconductor.cli.main import group, run
from pgconductor.cli.verbs import VERBS


def commands() -> Iterator[tuple[str, ...]]:
    for name in VERBS:
        yield (name,)
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from ((name, sub) for sub in command.commands)


@pytest.mark.parametrize("words", [pytest.param(words, id=" ".join(words)) for words in commands()])
def test_help(
    words: tuple[str, ...],
    snapshot: SnapshotAssertion,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert run([*words, "--help"]) == 0
    said = capsys.readouterr()
    assert said.out == snapshot
    assert said.err == ""


@pytest.mark.parametrize("words", [pytest.param(words, id=" ".join(words)) for words in commands()])
def test_every_command_and_every_option_is_told_in_sentences(words: tuple[str, ...]) -> None:
    context = click.Context(group)
    command: click.Command | None = group
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(context, word)
    assert command is not None
    assert command.help
    assert command.help.split("\n\n")[0].rstrip().endswith(".")
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help[-1] in '.)"', option.help


def test_help_of_help(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-h"]) == 0
    short = capsys.readouterr().out
    assert run(["--help"]) == 0
    assert capsys.readouterr().out == short
    assert all(f"\n  {name} " in short for name in VERBS)
