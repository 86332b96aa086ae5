"""mypy --strict and pyright strict accept the generated code and a project around it, and find every seeded mistake."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from pgconductor.build import generate

HERE = Path(__file__).parent
SHOP = HERE.parent / "build" / "shop"
REPOSITORY = HERE.parent.parent

# Path below src, line, and the rule that says so.
Error: TypeAlias = "tuple[str, int, str]"
Checker: TypeAlias = "Callable[[Path], set[Error]]"

_MYPY_ERROR = re.compile(r"(?P<path>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[a-z-]+)\]$")
_SEEDED = re.compile(r"# E (?P<mypy>\S+) (?P<pyright>\S+)$")

# Task to the rules that its line in _bindings.py breaks.
MISFITS = {
    "lost": ("attr-defined", "reportAttributeAccessIssue"),
    "nowhere": ("import-not-found", "reportMissingImports"),
    "wrong_payload": ("assignment", "reportAssignmentType"),
    "wrong_return": ("assignment", "reportAssignmentType"),
    "no_return": ("assignment", "reportAssignmentType"),
    "no_context": ("assignment", "reportAssignmentType"),
    "takes_payload": ("assignment", "reportAssignmentType"),
    "one_by_one": ("assignment", "reportAssignmentType"),
    "returns_one": ("assignment", "reportAssignmentType"),
}


def mypy(project: Path) -> set[Error]:
    command = ["mypy", "--strict", "--no-error-summary", "--config-file", "mypy.ini", "src"]
    done = subprocess.run([sys.executable, "-m", *command], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), f"mypy could not run:\n{done.stdout}{done.stderr}"
    matches = [_MYPY_ERROR.match(line) for line in done.stdout.splitlines() if ": error: " in line]
    assert all(matches), done.stdout
    return {(_below_src(match["path"]), int(match["line"]), match["code"]) for match in matches if match}


def pyright(project: Path) -> set[Error]:
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["generalDiagnostics"]
    except ValueError:
        pytest.fail(f"pyright could not run; it needs node, or `pip install 'pyright[nodejs]'`:\n{done.stderr}")
    return {(_below_src(item["file"]), item["range"]["start"]["line"] + 1, item["rule"]) for item in found}


def _below_src(path: str) -> str:
    return path.rpartition("src/")[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The shop, and a project that is called by names of the generated code; nothing is generated yet."""
    shutil.copytree(SHOP, tmp_path / "project")
    shutil.copytree(HERE / "names", tmp_path / "project" / "src" / "names")
    shutil.copy(HERE / "names.toml", tmp_path / "project")
    root = tmp_path / "project"
    (root / "mypy.ini").write_text(f"[mypy]\nmypy_path = src:{REPOSITORY}\npython_version = 3.11\n")
    settings = {
        "include": ["src"],
        "extraPaths": ["src", str(REPOSITORY)],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
    }
    (root / "pyrightconfig.json").write_text(json.dumps(settings))
    return root


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_the_generated_code_and_a_project_around_it_are_accepted(project: Path, checker: Checker) -> None:
    generate(project / "conductor.toml")
    generate(project / "names.toml")
    assert checker(project) == set()


def test_so_is_what_is_generated_for_newer_pythons_alone(project: Path) -> None:
    for name in ("conductor.toml", "names.toml"):
        config = project / name
        config.write_text(config.read_text().replace("[generate]", '[generate]\npython = "3.12"'))
        generate(config)
    settings = project / "mypy.ini"
    settings.write_text(settings.read_text().replace("3.11", "3.12"))
    assert "\ntype ChargeHandler = " in (project / "src/shop/conductor/tasks.py").read_text()
    assert mypy(project) == set()


@pytest.mark.parametrize(("checker", "name"), [(mypy, "mypy"), (pyright, "pyright")])
def test_every_seeded_mistake_is_found_and_nothing_else(project: Path, checker: Checker, name: str) -> None:
    shutil.rmtree(project / "src" / "names")
    shutil.copy(HERE / "mistakes.py", project / "src" / "shop")
    config = project / "conductor.toml"
    config.write_text(config.read_text() + (HERE / "mistakes.toml").read_text())
    generate(config)
    expected = _seeded(project, name) | _misfits(project, name)
    found = {error for error in checker(project) if error[2] not in _CONSEQUENCES}
    assert found == expected


# pyright says of what follows from an error that it knows no type of it.
_CONSEQUENCES = {"reportUnknownMemberType", "reportUnknownVariableType", "reportUnknownArgumentType"}


def _seeded(project: Path, checker: str) -> set[Error]:
    lines = (project / "src" / "shop" / "mistakes.py").read_text().splitlines()
    seeds = {number: match for number, line in enumerate(lines, 1) if (match := _SEEDED.search(line))}
    assert len(seeds) > 15
    rules = {number: seed[checker].split(",") for number, seed in seeds.items() if seed[checker] != "-"}
    return {("shop/mistakes.py", number, rule) for number, found in rules.items() for rule in found}


def _misfits(project: Path, checker: str) -> set[Error]:
    path = "shop/conductor/_bindings.py"
    lines = (project / "src" / path).read_text().splitlines()
    found = set()
    for task, rules in MISFITS.items():
        missing = task in ("lost", "nowhere")
        mark = {"lost": "from shop.mail import lost", "nowhere": "from shop.nowhere import"}.get(task, f"    {task}: ")
        [number] = [number for number, line in enumerate(lines, 1) if line.lstrip().startswith(mark.lstrip())]
        assert missing or f"tasks.{task.title().replace('_', '')}Handler" in lines[number - 1]
        found.add((path, number, rules[0] if checker == "mypy" else rules[1]))
    return found
