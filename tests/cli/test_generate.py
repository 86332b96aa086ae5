"""`generate` and `check` as commands: what goes where, and which exit code."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.project import Shop
from tests.command import pgconductor


def test_a_second_generate_has_nothing_to_do(shop: Shop) -> None:
    done = shop.ask("generate")
    assert done.stdout == ""
    assert "generated files are up to date" in done.stderr
    shop.ask("generate", "--check")


def test_check_is_exit_code_4_with_a_diff_and_writes_nothing(shop: Shop) -> None:
    shop.edit('name = "str"', 'name = "str"\nage = "int"')
    before = {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}
    done = shop.ask("generate", "--check", code=4)
    assert "+++ b/shop/conductor/models.py" in done.stdout
    assert "+    age: int" in done.stdout
    assert "run `pgconductor generate`" in done.stderr
    assert shop.ask("generate", "--diff").stdout == done.stdout
    assert {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()} == before
    assert "update shop/conductor/models.py" in shop.ask("generate").stdout.splitlines()
    shop.ask("generate", "--check")


def test_a_file_edited_by_hand_is_refused(shop: Shop) -> None:
    models = shop.folder / "shop" / "conductor" / "models.py"
    models.write_text(models.read_text() + "# mine\n")
    done = shop.ask("generate", code=1)
    assert done.stderr.startswith("error[GEN101]: shop/conductor/models.py was edited")


def test_it_works_from_any_folder_below_and_by_name_from_anywhere(shop: Shop, tmp_path: Path) -> None:
    assert "up to date" in pgconductor("generate", cwd=shop.folder / "shop" / "conductor").stderr
    config = str(shop.folder / "conductor.toml")
    assert "up to date" in pgconductor("generate", "--config", config, cwd=tmp_path).stderr
    assert "up to date" in pgconductor("--config", config, "generate", cwd=tmp_path).stderr
    assert "up to date" in pgconductor("generate", cwd=tmp_path, env={"PGCONDUCTOR_CONFIG": config}).stderr


def test_every_problem_is_shown_with_its_place_and_the_exit_code_is_3(shop: Shop) -> None:
    shop.edit('queue = "slow"', 'queue = "slaw"')
    shop.edit('name = "str"', 'name = "strr"')
    for verb in ("check", "generate"):
        done = shop.ask(verb, code=3)
        assert "error[CFG201]: unknown queue `slaw`\n  --> conductor.toml:" in done.stderr
        assert "error[CFG302]: unknown type `strr`" in done.stderr
        assert done.stdout == ""
        found = json.loads(shop.ask(verb, "--format", "json", code=3).stdout)
        assert [problem["code"] for problem in found] == ["CFG302", "CFG201"]
        github = shop.ask(verb, "--format", "github", code=3).stdout.splitlines()
        assert all(line.startswith("::error file=conductor.toml,line=") for line in github)


def test_without_a_configuration_the_message_says_how_to_begin(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert "pgconductor init" in pgconductor("generate", cwd=tmp_path, code=3).stderr


def test_check_imports_says_which_handlers_are_missing(shop: Shop) -> None:
    assert "3 tasks" in shop.run("check", "--imports").stderr
    work = shop.folder / "shop" / "work.py"
    work.write_text(
        work.read_text().replace("def nap", "def doze").replace("def greet(payload: GreetPayload, ", "def greet(")
    )
    done = shop.run("check", "--imports", code=3)
    assert "task `nap`: `shop.work` has no `nap`" in done.stderr
    assert "task `greet`" in done.stderr


def test_scaffold_writes_what_is_missing_and_nothing_twice(shop: Shop) -> None:
    work = shop.folder / "shop" / "work.py"
    before = work.read_text()
    handler = 'handler = "shop.work:greet"'
    named = {"wave": "shop.work:wave", "bow": "shop.more:bow", "x": "json:x"}
    tasks = "".join(f'[tasks.{name}]\nhandler = "{reference}"\n' for name, reference in named.items())
    shop.edit(f"[tasks.greet]\n{handler}", f"{tasks}[tasks.greet]\n{handler}")
    shown = shop.ask("generate", "--diff", "--scaffold").stdout
    assert "+async def wave(payload: WavePayload, ctx: tasks.Context) -> None:" in shown
    assert work.read_text() == before
    done = shop.ask("generate", "--scaffold")
    assert "update shop/work.py: wave" in done.stdout.splitlines()
    assert "create shop/more.py: bow" in done.stdout.splitlines()
    assert "not in this project, and left alone: json:x" in done.stderr
    assert all(line in work.read_text() for line in before.splitlines())
    written = work.read_text()
    shop.ask("generate", "--scaffold")
    assert work.read_text() == written
    shop.edit('[tasks.x]\nhandler = "json:x"\n', "")
    shop.run("generate")
    shop.run("check", "--imports")
    assert "every handler exists" in shop.ask("generate", "--scaffold").stderr
    assert "leave out --scaffold" in shop.ask("generate", "--check", "--scaffold", code=2).stderr


def test_a_module_that_is_no_python_keeps_everything_from_being_written(shop: Shop) -> None:
    (shop.folder / "shop" / "work.py").write_text("def (")
    shop.edit("[tasks.greet]", '[tasks.bow]\nhandler = "shop.more:bow"\n[tasks.greet]')
    done = shop.ask("generate", "--scaffold", code=1)
    assert done.stderr.startswith("error[GEN106]: shop/work.py cannot be read")
    assert not (shop.folder / "shop" / "more.py").exists()
    shop.ask("generate", "--check", code=4)
