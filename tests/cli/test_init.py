"""`init` fits itself into what is there and overwrites nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from pgconductor.cli.main import run
from pgconductor.cli.starter import plan_starter
from pgconductor.config.load import load
from pgconductor.errors import ConductorError
from tests.command import environment, pgconductor


def test_an_empty_folder_gets_a_project_and_the_next_command(tmp_path: Path) -> None:
    done = pgconductor("init", "shop", cwd=tmp_path)
    written = ["conductor.toml", "shop/__init__.py", "shop/mail.py", ".gitignore"]
    assert done.stdout.splitlines() == [f"shop/{path}" for path in written]
    assert all((tmp_path / "shop" / path).is_file() for path in written)
    assert "  cd shop\n  pgconductor dev " in done.stderr


def test_the_next_command_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    assert "  cd 'my shop'\n" in pgconductor("init", "my shop", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [("", []), ("shop", []), ("", ["shop/__init__.py", "shop/mail.py"]), ("shop", ["shop/src/shop/__init__.py"])],
    ids=["here", "empty", "flat", "src"],
)
def test_what_it_says_next_does_what_it_says(tmp_path: Path, arguments: str, paths: list[str]) -> None:
    write(tmp_path, *paths)
    said = pgconductor("init", *arguments.split(), cwd=tmp_path).stderr
    *before, dev, invoke = [line for line in said.partition("Next:\n")[2].splitlines() if line]
    with _typed([*before, f"exec {dev.strip()}"], tmp_path) as session:
        assert session.stdout is not None
        served = next(line for line in session.stdout if "serves" in line)
        assert "generation 1" in served
        with _typed([*before, invoke], tmp_path) as invoking:
            done, _ = invoking.communicate()
        session.send_signal(signal.SIGINT)
        rest = session.stdout.read()
    assert set(json.loads(done[done.index("{") :])) == {"message_id"}
    assert "to a@b.c: hi" in rest
    assert (invoking.returncode, session.returncode) == (0, 130)


@contextmanager
def _typed(lines: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """What a person types into a shell, a line at a time."""
    env = environment({"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})
    script = "\n".join(["set -e", *lines])
    with subprocess.Popen(
        ["bash", "-c", script], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as shell:  # fmt: skip
        try:
            yield shell
        finally:
            if shell.poll() is None:
                shell.send_signal(signal.SIGINT)


def test_what_it_writes_is_a_valid_configuration(tmp_path: Path) -> None:
    pgconductor("init", cwd=tmp_path)
    assert list(load(tmp_path / "conductor.toml").tasks) == ["send_email"]
    assert "is fine: 1 task, 1 queue" in pgconductor("check", cwd=tmp_path).stderr


def test_a_src_layout_is_kept(tmp_path: Path) -> None:
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "__init__.py").write_text("# mine\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "Shop"\n')
    done = pgconductor("init", cwd=tmp_path)
    assert done.stdout.splitlines() == ["conductor.toml", "src/shop/mail.py", ".gitignore"]
    assert (tmp_path / "src" / "shop" / "__init__.py").read_text() == "# mine\n"


def test_a_flat_package_is_joined_and_its_modules_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "mail.py").write_text("# mine\n")
    done = pgconductor("init", "--name", "shop", cwd=tmp_path)
    assert done.stdout.splitlines() == ["conductor.toml", "shop/conductor_mail.py", ".gitignore"]
    assert (tmp_path / "shop" / "mail.py").read_text() == "# mine\n"
    handler = tomllib.loads((tmp_path / "conductor.toml").read_text())["tasks"]["send_email"]["handler"]
    assert handler == "shop.conductor_mail:send_email"


def test_a_project_is_not_begun_twice(tmp_path: Path) -> None:
    pgconductor("init", cwd=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = pgconductor("init", cwd=tmp_path, code=1)
    assert "conductor.toml exists already; nothing was written" in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_init_that_failed_on_the_way_can_be_called_again(tmp_path: Path) -> None:
    (tmp_path / "shop").touch()  # where the package should be
    done = pgconductor("init", "--name", "shop", cwd=tmp_path, code=1)
    assert "Traceback" not in done.stderr
    (tmp_path / "shop").unlink()
    pgconductor("init", "--name", "shop", cwd=tmp_path)


def write(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


HATCH = '[project]\nname = "web-shop"\n[tool.hatch.build.targets.wheel]\npackages = ["src/shop"]\n'
SETUPTOOLS = '[project]\nname = "web-shop"\n[tool.setuptools]\npackages = ["shop"]\npackage-dir = { "" = "src" }\n'
POETRY = '[tool.poetry]\nname = "web-shop"\npackages = [{ include = "shop", from = "src" }]\n'
UV = '[project]\nname = "web-shop"\n[tool.uv.build-backend]\nmodule-name = "shop"\n'
FLIT = '[project]\nname = "web-shop"\n[tool.flit.module]\nname = "shop"\n'


@pytest.mark.parametrize("pyproject", [HATCH, SETUPTOOLS, POETRY, UV, FLIT])
def test_the_package_is_the_one_that_pyproject_builds(tmp_path: Path, pyproject: str) -> None:
    write(tmp_path, "src/shop/__init__.py", "src/other/__init__.py")
    (tmp_path / "pyproject.toml").write_text(pyproject)
    assert list(plan_starter(tmp_path, None).files) == ["conductor.toml", "src/shop/mail.py"]


@pytest.mark.parametrize(
    ("paths", "pyproject", "module"),
    [
        (["shop/__init__.py", "tests/__init__.py"], "", "shop/mail.py"),
        (["shop/__init__.py", "other/__init__.py"], '[project]\nname = "Shop"\n', "shop/mail.py"),
        (["src/shop/__init__.py", "tools/__init__.py"], '[project]\nname = "web-shop"\n', "src/shop/mail.py"),
        (["src/main.c", "shop/__init__.py"], "", "shop/mail.py"),
        (["src/main.c"], '[project]\nname = "web-shop"\n', "src/web_shop/mail.py"),
        ([], '[project]\nname = "web-shop"\n', "web_shop/mail.py"),
        ([], "[project\n", "here/mail.py"),
        ([], "project = 5\n", "here/mail.py"),
        (["a/__init__.py", "b/__init__.py"], "", "here/mail.py"),
        (["import/__init__.py"], "", "here/mail.py"),
        (["_vendor/__init__.py"], "", "here/mail.py"),
    ],
)
def test_the_layout_is_found_out(tmp_path: Path, paths: list[str], pyproject: str, module: str) -> None:
    here = tmp_path / "here"
    write(here, "README.md", *paths)
    (here / "pyproject.toml").write_text(pyproject)
    with chdir(here):
        assert run(["init"]) == 0
        assert run(["generate"]) == 0
    assert (here / module).is_file()
    assert (here / module).with_name("conductor").is_dir(), "the package is generated beside the handler"


def test_editors_find_the_schema_of_a_new_project(tmp_path: Path) -> None:
    pgconductor("init", cwd=tmp_path)
    directive, path = (tmp_path / "conductor.toml").read_text().splitlines()[0].split()
    assert directive == "#:schema"
    schema = json.loads((tmp_path / path).read_text())
    data = tomllib.loads((tmp_path / "conductor.toml").read_text())
    assert list(Draft7Validator(schema).iter_errors(data)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/.pgconductor\n", "/.pgconductor\n"),
        ("", ".pgconductor/\n"),
        ("*.pyc", "*.pyc\n.pgconductor/\n"),
        ("a\n.pgconductor/\n", "a\n.pgconductor/\n"),
        ("a\r\n", "a\r\n.pgconductor/\n"),
        ("caf\xe9\n", "caf\xe9\n.pgconductor/\n"),
    ],
)
def test_gitignore_is_added_to_once(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / ".gitignore").write_bytes(before.encode("latin-1"))
    pgconductor("init", cwd=tmp_path)
    assert (tmp_path / ".gitignore").read_bytes() == after.encode("latin-1")


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("My Shop", "my_shop"),
        ("my-shop.com", "my_shop_com"),
        ("2fast", "app_2fast"),
        ("class", "class_app"),
        ("json", "json_app"),
        ("Café", "cafe"),
        ("x" * 200, "x" * 48),
        ("pgconductor", "pgconductor_app"),
    ],
)
def test_any_name_becomes_a_package_that_is_in_nobodys_way(tmp_path: Path, name: str, package: str) -> None:
    starter = plan_starter(tmp_path, name)
    assert starter.name == package
    assert f"{package}/mail.py" in starter.files


def test_a_name_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConductorError, match="choose a name with `--name`"):
        plan_starter(tmp_path, "日本")
