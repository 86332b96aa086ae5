"""The wheel works on its own: built, installed into an empty environment, and used without the source."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[1]

# What the build reads, and nothing else: a wheel that needs more would be found out here.
SOURCE = ("pgconductor", "templates", "pyproject.toml", "README.md", "LICENSE")


def run(*command: str | Path, cwd: Path) -> str:
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PGCONDUCTOR", "VIRTUAL"))
    }
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in SOURCE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, source / name)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, source, cwd=place)
    shutil.rmtree(source)
    (built,) = place.glob("*.whl")
    return built


def test_the_wheel_holds_code_types_statements_and_templates(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    expected = {
        str(path.relative_to(ROOT / "templates").as_posix())
        for path in (ROOT / "templates").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert {name.removeprefix("pgconductor/_templates/") for name in names if "/_templates/" in name} == expected
    statements = {f"pgconductor/store/sql/{path.name}" for path in (ROOT / "pgconductor/store/sql").glob("*.sql")}
    assert statements <= set(names)
    assert "pgconductor/py.typed" in names
    assert all(name.startswith(("pgconductor/", "pgconductor-")) for name in names)


def test_an_installed_wheel_goes_the_whole_way(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    bin = tmp_path / "venv" / "bin"
    run(bin / "python", "-m", "pip", "install", "--quiet", f"{wheel}[embedded]", cwd=tmp_path)
    project = tmp_path / "bakery"
    project.mkdir()

    def pgconductor(*words: str) -> str:
        return run(bin / "pgconductor", *words, cwd=project)

    home = run(bin / "python", "-c", "import pgconductor; print(pgconductor.__file__)", cwd=project)
    assert home.startswith(str(tmp_path / "venv"))
    pgconductor("init")
    assert "create bakery/conductor/models.py" in pgconductor("generate")
    pgconductor("generate", "--check")
    assert "create queue `default`" in pgconductor("apply")
    pgconductor("invoke", "send_email", '{"to": "a@b.c", "subject": "hi"}')
    assert "drained: 1 completed" in pgconductor("run", "--drain")
    assert "completed" in pgconductor("executions", "list")
