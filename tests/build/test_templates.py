"""Templates are compiled once; what is kept of that never decides what is generated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pgconductor.build.templates import template_folder
from tests.command import pgconductor

REPOSITORY = Path(__file__).resolve().parents[2]


def _check(cache: Path, **env: str) -> None:
    """`generate --check` of the examples, whose files are as they should be."""
    pgconductor("generate", "--check", cwd=REPOSITORY, env={"PYTHONPYCACHEPREFIX": str(cache), **env})


def _kept(cache: Path) -> dict[Path, float]:
    folder = cache / template_folder().relative_to("/")
    return {path: path.stat().st_mtime_ns for path in folder.glob("*.pyc")}


def test_a_template_is_compiled_once(tmp_path: Path) -> None:
    _check(tmp_path)
    kept = _kept(tmp_path)
    assert kept
    _check(tmp_path)
    assert _kept(tmp_path) == kept


def test_no_bytecode_is_written_where_python_writes_none(tmp_path: Path) -> None:
    _check(tmp_path, PYTHONDONTWRITEBYTECODE="1")
    assert not _kept(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"j2", b"no template at all", None], ids=["empty", "cut", "other", "folder"])
def test_a_damaged_one_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    _check(tmp_path)
    for path in _kept(tmp_path):
        if damage is None:
            path.unlink()
            path.mkdir()
        elif damage == b"j2":
            os.truncate(path, 40)
        else:
            path.write_bytes(damage)
    _check(tmp_path)


def test_nobody_hears_of_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    occupied = tmp_path / "a file"
    occupied.touch()
    _check(occupied)
