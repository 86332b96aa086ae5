"""Which plan a command means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgconductor.cli.project import find_plan
from pgconductor.cli.selection import Selection
from pgconductor.errors import PlanError

CONFIG = '[conductor]\nformat = 1\nname = "shop"\n[generate]\npackage = "shop.conductor"\n'


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)


def plan_at(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"format": 1, "package": "x", "queues": {}, "tasks": {}}))
    return path


def test_it_lies_where_the_configuration_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conductor.toml").write_text(CONFIG)
    plan = plan_at(tmp_path / "shop" / "conductor" / "plan.json")
    plan_at(tmp_path / "examples" / "other" / "plan.json")
    monkeypatch.chdir(tmp_path / "shop")
    assert find_plan(Selection()) == plan


def test_src_is_the_source_root_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "conductor.toml").write_text(CONFIG)
    plan = plan_at(tmp_path / "src" / "shop" / "conductor" / "plan.json")
    assert find_plan(Selection()) == plan


def test_before_the_first_generate_no_other_project_is_taken_for_this_one(tmp_path: Path) -> None:
    (tmp_path / "conductor.toml").write_text(CONFIG)
    plan_at(tmp_path / "examples" / "other" / "plan.json")
    assert not find_plan(Selection()).exists()


@pytest.mark.parametrize("config", [None, "[conductor\nbroken", "[generate]\npackage = 3\n"])
def test_without_a_readable_configuration_the_only_plan_below_is_meant(tmp_path: Path, config: str | None) -> None:
    if config is not None:
        (tmp_path / "conductor.toml").write_text(config)
    plan = plan_at(tmp_path / "shop" / "conductor" / "plan.json")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "plan.json").write_text('{"somebody": "else\'s"}')
    plan_at(tmp_path / ".venv" / "lib" / "plan.json")
    assert find_plan(Selection()) == plan


def test_more_than_one_plan_below_asks_which(tmp_path: Path) -> None:
    plan_at(tmp_path / "a" / "plan.json")
    plan_at(tmp_path / "b" / "plan.json")
    with pytest.raises(PlanError, match=r"more than one plan; name one with `--plan`: .*a/plan.json, .*b/plan.json"):
        find_plan(Selection())


def test_no_plan_says_how_to_make_one() -> None:
    with pytest.raises(PlanError, match="run `pgconductor generate`"):
        find_plan(Selection())


def test_it_can_be_named_by_file_folder_or_package(tmp_path: Path) -> None:
    plan = plan_at(tmp_path / "warehouse" / "conductor" / "plan.json")
    for package in (plan.parents[1], plan.parent):
        (package / "__init__.py").touch()
    for named in (str(plan), str(plan.parent), "warehouse/conductor/plan.json", "warehouse.conductor"):
        assert find_plan(Selection(plan=named)).resolve() == plan


def test_a_name_that_is_nothing_says_so() -> None:
    with pytest.raises(PlanError, match="neither a file nor a package"):
        find_plan(Selection(plan="nowhere.conductor"))
