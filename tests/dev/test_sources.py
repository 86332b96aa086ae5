"""What counts as a change of the sources: content, in the places that matter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pgconductor.dev.sources import Sources, Territory

FILES = ("conductor.toml", "shop/work.py", "shop/letters/hello.txt", "types/address.json", "tests/test_shop.py")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    return folder


def looked(folder: Path, *, watch: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> Sources:
    config = frozenset({folder / "conductor.toml", folder / "types/address.json"})
    sources = Sources(Territory(folder, (folder,), config, watch, ignore))
    sources.look()
    return sources


def test_what_has_the_same_content_has_not_changed(project: Path) -> None:
    sources = looked(project)
    code = sources.code()
    for name in FILES:
        (project / name).write_text("1")
        os.utime(project / name, (1, 1))
    assert sources.look() == {}
    (project / "shop/work.py").write_text("2")
    assert sources.look() == {project / "shop/work.py": "code"}
    assert sources.code() != code
    (project / "shop/work.py").write_text("1")
    sources.look()
    assert sources.code() == code


def test_a_suspect_is_read_even_if_neither_its_size_nor_its_time_changed(project: Path) -> None:
    sources = looked(project)
    work = project / "shop/work.py"
    before = work.stat()
    work.write_text("2")
    os.utime(work, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert sources.look() == {}
    assert sources.look({work}) == {work: "code"}


def test_what_comes_and_goes_has_changed(project: Path) -> None:
    sources = looked(project)
    folders = sources.territory.folders()
    (project / "shop/more").mkdir()
    (project / "shop/more/late.py").write_text("1")
    (project / "conductor.toml").unlink()
    assert sources.look() == {project / "shop/more/late.py": "code", project / "conductor.toml": "config"}
    assert sources.territory.folders() - folders == {project / "shop/more"}
    (project / "conductor.toml").mkdir()
    assert sources.look() == {}


@pytest.mark.parametrize("place", [".venv", "__pycache__", "node_modules", ".pgconductor/postgres", "env"])
def test_environments_caches_and_data_are_left_out(project: Path, place: str) -> None:
    (project / place).mkdir(parents=True)
    (project / place / "pyvenv.cfg").touch()
    (project / place / "module.py").touch()
    sources = looked(project)
    assert project / place / "module.py" not in sources.digests
    assert project / place not in sources.territory.folders() or place == "env"


@pytest.mark.parametrize("pattern", ["tests", "tests/", "test_*.py", "tests/*.py", "./tests/test_shop.py"])
def test_ignored_names_and_paths_are_left_out(project: Path, pattern: str) -> None:
    assert project / "tests/test_shop.py" in looked(project).digests
    assert project / "tests/test_shop.py" not in looked(project, ignore=(pattern,)).digests


@pytest.mark.parametrize("pattern", ["shop/letters/*.txt", "shop/**/*.txt", "shop/letters/hello.txt"])
def test_watched_files_and_patterns_are_code(project: Path, pattern: str) -> None:
    letter = project / "shop/letters/hello.txt"
    assert letter not in looked(project).digests
    assert looked(project, watch=(pattern,)).kinds[letter] == "code"


def test_modules_of_a_watched_folder_elsewhere_are_code(project: Path) -> None:
    common = project.parent / "common"
    common.mkdir()
    (common / "money.py").touch()
    (common / "notes.txt").touch()
    sources = looked(project, watch=("../common",))
    assert {path for path in sources.digests if path.is_relative_to(common)} == {common / "money.py"}
    assert common in sources.territory.folders()


def test_events_elsewhere_concern_nobody(project: Path) -> None:
    territory = looked(project).territory
    assert not territory.concerns(project / "worker.log")
    assert territory.concerns(project / "new_folder")
    assert territory.concerns(project / "shop/new.py")
