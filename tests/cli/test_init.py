"""`init` fits itself into what is there and overwrites nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pgconductor.cli.starter import plan_starter
from pgconductor.config.load import load
from pgconductor.errors import ConductorError
from tests.command import pgconductor


def test_an_empty_folder_gets_a_project_and_the_next_command(tmp_path: Path) -> None:
    done = pgconductor("init", "shop", cwd=tmp_path)
    written = ["conductor.toml", "shop/__init__.py", "shop/mail.py", ".gitignore"]
    assert done.stdout.splitlines() == [f"shop/{path}" for path in written]
    assert all((tmp_path / "shop" / path).is_file() for path in written)
    assert "  cd shop\n  pgconductor generate\n" in done.stderr


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


@pytest.mark.parametrize(
    ("before", "after"),
    [("", ".pgconductor/\n"), ("*.pyc", "*.pyc\n.pgconductor/\n"), ("a\n.pgconductor/\n", "a\n.pgconductor/\n")],
)
def test_gitignore_is_added_to_once(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / ".gitignore").write_text(before)
    pgconductor("init", cwd=tmp_path)
    assert (tmp_path / ".gitignore").read_text() == after


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("My Shop", "my_shop"),
        ("my-shop.com", "my_shop_com"),
        ("2fast", "app_2fast"),
        ("class", "class_app"),
        ("json", "json_app"),
        ("Café", "caf"),
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
