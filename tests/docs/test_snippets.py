"""What the README and the docs show is what happens: a reader does every page, from its first line to its last."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from pgconductor.cli.main import group
from tests.database import clone
from tests.docs.page import Block, blocks, fences, name_of, pages
from tests.docs.reader import Misled, Reader

# Pages about the embedded Postgres have one.
EMBEDDED = ("docs/tutorial.md",)


def told() -> list[Any]:
    """Pages with something to do."""
    found = [page for page in pages() if any(block.not_run is None for block in blocks(page))]
    # Making a cluster and saving under `dev` takes its time.
    slow = (pytest.mark.slow, pytest.mark.timeout(300))
    return [pytest.param(page, marks=slow if name_of(page) in EMBEDDED else ()) for page in found]


@pytest.fixture
def database(request: pytest.FixtureRequest, server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with clone(server) as dsn:
        monkeypatch.setenv("DATABASE_URL", dsn)
        yield dsn


@pytest.mark.parametrize("page", told(), ids=name_of)
def test_a_page_shows_what_happens(page: Path, tmp_path: Path, database: str) -> None:
    reader = Reader(tmp_path, None if name_of(page) in EMBEDDED else database)
    try:
        for block in blocks(page):
            try:
                reader.follow(block)
            except Misled as error:
                pytest.fail(f"{name_of(page)}, line {block.line}: {error}", pytrace=False)
    finally:
        reader.stop()


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def typed() -> list[Path]:
    """Pages with modules of handlers."""
    return [page for page in pages() if any(block.title and block.language == "python" for block in blocks(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", typed(), ids=name_of)
def test_what_a_page_shows_is_typed(page: Path, tmp_path: Path, mypy_cache: Path) -> None:
    """Its handlers are those of its tasks, and whatever else its modules hold is right under mypy --strict."""
    reader = Reader(tmp_path, None)
    for block in blocks(page):
        if block.not_run is None and block.source is None:
            reader.write(block)
    assert not reader.type_errors(mypy_cache)


def commands(page: Path) -> Iterator[tuple[int, str]]:
    """Every command of ours that a page names, in code or in a line of its text, with its line."""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        inline = re.findall(r"`(?:\$ )?pgconductor ([^`]+)`", line)
        shown = re.findall(r"^(?: {4}|\$ |- run: |.*(?:bin/|ExecStart=|\())pgconductor ([^`\"]*)", line)
        for words in (*inline, *shown):
            yield number, words


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_command_that_is_named_exists(page: Path) -> None:
    for number, words in commands(page):
        place = f"{name_of(page)}, line {number}: `pgconductor {words}`"
        command, context = group, click.Context(group, info_name="pgconductor")
        known = {"--help"}
        for word in re.split(r"[\s\[\]=]+", re.split(r"  #| \||\$\(", words)[0]):
            if word.startswith("-") and len(word) > 1:
                known.update(option for param in command.params for option in param.opts)
                assert word in known, f"{place}: there is no {word}"
            elif isinstance(command, click.Group) and (word.islower() or command is group) and word.isalpha():
                known.update(option for param in command.params for option in param.opts)
                names = word.split("|")
                found = command.get_command(context, names[0])
                assert found is not None, f"{place}: there is no {word}"
                command = found


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_no_code_is_overlooked(page: Path) -> None:
    shown = [block for block in blocks(page) if not block.hidden]
    assert fences(page) == 2 * len(shown), "a fence has no language, or no end"


def test_what_cannot_be_run_says_why() -> None:
    runnable = {"python", "toml", "console", "sql", "text"}
    for page in pages():
        for block in blocks(page):
            place = f"{name_of(page)}, line {block.line}"
            marked = block.not_run is not None or block.source is not None
            assert marked or block.language in runnable, f"{place}: nobody runs {block.language}; say why"
            assert block.not_run is None or len(block.not_run) > 10, f"{place}: why is this not run?"


def test_a_page_that_is_wrong_is_noticed(tmp_path: Path) -> None:
    reader = Reader(tmp_path, None)
    for language, text in (
        ("console", "$ pgconductor explain CFG201\nCFG201: something else\n"),
        ("console", "$ pgconductor explain CFG999\n"),
        ("console", "$ false\n"),
        ("toml", "[tasks.send_email]\nqeueu = 'default'\n"),
        ("python", "assert False\n"),
    ):
        with pytest.raises(Misled):
            reader.follow(Block(1, language, text))
