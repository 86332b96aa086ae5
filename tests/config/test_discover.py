"""Which file is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgconductor.config import InvalidConfig, discover


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """outer/conductor.toml, and outer/repo (a repository without one) with deep/down in it."""
    (tmp_path / "outer/repo/deep/down").mkdir(parents=True)
    (tmp_path / "outer/conductor.toml").touch()
    return tmp_path / "outer"


def test_the_option_comes_first(tree: Path) -> None:
    found = discover(tree, option="other.toml", environ={"PGCONDUCTOR_CONFIG": "third.toml"})
    assert found == tree / "other.toml"
    assert discover(tree, option=Path("/abs/x.toml"), environ={}) == Path("/abs/x.toml")


def test_then_the_environment(tree: Path) -> None:
    assert discover(tree, option=None, environ={"PGCONDUCTOR_CONFIG": "third.toml"}) == tree / "third.toml"
    assert discover(tree, option=None, environ={"PGCONDUCTOR_CONFIG": ""}) == tree / "conductor.toml"


def test_then_the_nearest_upward(tree: Path) -> None:
    assert discover(tree / "repo/deep/down", option=None, environ={}) == tree / "conductor.toml"
    (tree / "repo/deep/conductor.toml").touch()
    assert discover(tree / "repo/deep/down", option=None, environ={}) == tree / "repo/deep/conductor.toml"


@pytest.mark.parametrize("mark", [".git", ".hg"])
@pytest.mark.parametrize("kind", ["directory", "file"])
def test_the_search_ends_at_the_root_of_a_repository(mark: str, kind: str, tree: Path) -> None:
    root = tree / "repo" / mark
    root.mkdir() if kind == "directory" else root.touch()  # a worktree's .git is a file
    with pytest.raises(InvalidConfig) as caught:
        discover(tree / "repo/deep/down", option=None, environ={})
    assert str(caught.value) == (
        "error[CFG002]: there is no conductor.toml here or in a directory above\n"
        " --> conductor.toml\n"
        "  = help: run `pgconductor init`, or name a file with --config or PGCONDUCTOR_CONFIG"
    )
    (tree / "repo/conductor.toml").touch()
    assert discover(tree / "repo/deep/down", option=None, environ={}) == tree / "repo/conductor.toml"


def test_a_directory_of_that_name_is_passed_over(tree: Path) -> None:
    (tree / "repo/conductor.toml").mkdir()
    assert discover(tree / "repo", option=None, environ={}) == tree / "conductor.toml"


def test_a_relative_start(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "repo")
    assert discover(Path(), option=None, environ={}).resolve() == tree / "conductor.toml"
