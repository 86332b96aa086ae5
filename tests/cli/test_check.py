"""`check` as a command: every problem of the configuration, the handlers, the database and the rows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.cli.project import Shop


@pytest.fixture
def work(shop: Shop) -> Callable[[str], None]:
    """Write the module of the handlers anew."""

    def write(text: str) -> None:
        (shop.folder / "shop" / "work.py").write_text(text)

    return write


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=shop", "-c", "user.email=shop@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_nothing_wrong_is_an_empty_list_for_programs(shop: Shop) -> None:
    assert shop.ask("check").stdout == ""
    assert json.loads(shop.ask("check", "--format", "json").stdout) == []
    assert shop.ask("check", "--format", "github").stdout == ""


def test_an_environment_that_is_not_declared_is_no_environment_to_check_for(shop: Shop) -> None:
    assert "no environment `prdo` in conductor.toml" in shop.ask("check", "--env", "prdo", code=3).stderr


def test_spelling_is_mended_and_what_is_left_is_said(shop: Shop) -> None:
    shop.edit('queue = "slow"', 'queu = "slwo"')
    shop.edit("worker_concurrency", "worker_concurency")
    done = shop.ask("check", "--fix")
    assert "fixed conductor.toml:12:1: `worker_concurency` became `worker_concurrency`" in done.stderr
    assert "`queu` became `queue`" in done.stderr
    assert "`slwo` became `slow`" in done.stderr
    assert "is fine" in done.stderr
    assert done.stdout == ""
    shop.edit('queue = "slow"', "queue = 5")
    assert "error[CFG103]" in shop.ask("check", "--fix", code=3).stderr


def test_fixes_that_could_be_made_are_data_for_editors(shop: Shop) -> None:
    shop.edit("worker_concurrency", "worker_concurency")
    [problem] = json.loads(shop.ask("check", "--format", "json", code=3).stdout)
    assert problem["fix"] == {"word": "worker_concurency", "meant": "worker_concurrency"}


def test_every_handler_that_cannot_be_had_is_shown_at_once(
    shop: Shop, work: Callable[[str], None], snapshot: SnapshotAssertion
) -> None:
    work("print('imported')\n\ndef greet(payload):\n    pass\n\n\nnap = 5\n")
    done = shop.run("check", "--imports", code=3)
    assert done.stdout == ""
    assert done.stderr.removeprefix("imported\n") == snapshot
    found = json.loads(shop.run("check", "--imports", "--format", "json", code=3).stdout)
    assert [problem["code"] for problem in found] == ["RUN103", "RUN103", "RUN102"]
    github = shop.run("check", "--imports", "--format", "github", code=3).stdout.splitlines()
    assert len(github) == 3
    assert all(line.startswith("::error file=conductor.toml,line=") for line in github)


def test_a_module_that_raises_is_shown_where_it_does_with_the_way_there(
    shop: Shop, work: Callable[[str], None], snapshot: SnapshotAssertion
) -> None:
    (shop.folder / "shop" / "rates.py").write_text("import json\n\nRATES = json.loads('{')\n")
    work("from shop.rates import RATES\n")
    assert shop.run("check", "--imports", code=3).stderr == snapshot


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import sys\nsys.exit(0)\n", "RUN101", "SystemExit: 0"),
        ("def greet(:\n", "RUN101", "SyntaxError"),
        ("import nowhere_at_all\n", "RUN101", "No module named 'nowhere_at_all'"),
    ],
)
def test_however_a_module_fails(shop: Shop, work: Callable[[str], None], text: str, code: str, said: str) -> None:
    work(text)
    [problem] = json.loads(shop.run("check", "--imports", "--format", "json", code=3).stdout)
    assert (problem["code"], problem["file"]) == (code, "shop/work.py")
    assert said in problem["message"]
    assert "`greet`, `nap`, `stumble`" in problem["related"]["label"]


def test_a_module_that_is_not_there(shop: Shop) -> None:
    (shop.folder / "shop" / "work.py").unlink()
    found = json.loads(shop.run("check", "--imports", "--format", "json", code=3).stdout)
    assert {problem["code"] for problem in found} == {"RUN102"}
    assert found[0]["message"] == "there is no module `shop.work`"


def test_a_database_that_is_behind_is_exit_code_4(fresh: Shop) -> None:
    done = fresh.ask("check", "--database", code=4)
    assert "error[DB101]: not applied yet: create queue `slow`\n --> shop/conductor/plan.json\n" in done.stderr
    assert fresh.rows("select to_regnamespace('pgconductor')::text") == [(None,)]
    fresh.ask("apply")
    assert "is fine" in fresh.ask("check", "--database").stderr


def test_a_database_that_is_away_is_exit_code_6_and_its_password_is_hidden(shop: Shop) -> None:
    away = Shop(shop.folder, "postgresql://app:hush-hush@127.0.0.1:1/shop")
    done = away.ask("check", "--database", "--format", "json", code=6)
    [problem] = json.loads(done.stdout)
    assert problem["code"] == "DB103"
    assert "hush-hush" not in done.stdout + done.stderr


def test_a_database_that_would_lose_executions_is_exit_code_5(shop: Shop) -> None:
    shop.ask("invoke", "nap", '{"seconds": 1}')
    shop.edit('[queues.slow]\nworker_concurrency = 2\ndrain_timeout = "200ms"\n', "")
    shop.edit('queue = "slow"\n', "")
    shop.ask("generate")
    assert "error[DB102]" in shop.ask("check", "--database", code=5).stderr


def test_a_wrong_handler_outweighs_the_database(fresh: Shop) -> None:
    (fresh.folder / "shop" / "work.py").write_text("")
    done = fresh.run("check", "--imports", "--database", code=3)
    assert "error[RUN102]" in done.stderr
    assert "error[DB101]" in done.stderr


CHANGES = [
    ('name = "str"', 'name = "str(max_length=3)"\ntenant = "str"'),
    ('seconds = "float"', 'seconds = "int"'),
    ('[tasks.stumble]\nhandler = "shop.work:stumble"\nretry = { max_attempts = 1, schedule = ["1s"] }\n', ""),
]


def test_what_queued_rows_cannot_survive_is_shown_where_it_was_changed(shop: Shop, snapshot: SnapshotAssertion) -> None:
    git(shop.folder, "init", "--initial-branch", "main")
    git(shop.folder, "add", ".")
    git(shop.folder, "commit", "--message", "as deployed")
    plan = (shop.folder / "shop" / "conductor" / "plan.json").read_bytes()
    for before, after in CHANGES:
        shop.edit(before, after)
    done = shop.ask("check", "--against", "git:main", code=3)
    assert done.stdout == ""
    assert done.stderr == snapshot

    (shop.folder / "deployed.json").write_bytes(plan)
    assert shop.ask("check", "--against", "deployed.json", code=3).stderr == done.stderr
    # The plan that generate wrote is not the one that counts: neither before it ran nor after.
    shop.ask("generate")
    assert shop.ask("check", "--against", "git:HEAD", code=3).stderr == done.stderr
    github = shop.ask("check", "--against", "git:main", "--format", "github", code=3).stdout
    assert [line.partition("title=")[2][:6] for line in github.splitlines()] == ["ROW107", "ROW106", "ROW101", "ROW104"]


def test_compatible_changes_are_passed_over(shop: Shop) -> None:
    plan = shop.folder / "shop" / "conductor"
    shop.edit('name = "str"', 'name = "str | None"\n"tenant?" = "str"')
    assert "is fine" in shop.ask("check", "--against", str(plan)).stderr


def test_what_could_not_be_compared_is_said(shop: Shop) -> None:
    plan = shop.folder / "shop" / "conductor"
    shop.edit('[tasks.greet.payload]\nname = "str"\n', "")
    shop.edit("[tasks.greet]\n", '[tasks.greet]\npayload = "shop.models:Greeting"\n')
    said = shop.ask("check", "--against", str(plan)).stderr
    assert "not compared" in said
    assert "task `greet` (shop.models:Greeting)" in said


@pytest.mark.parametrize(
    ("against", "said"),
    [
        ("git:nowhere", "git has no shop/conductor/plan.json at `nowhere`"),
        ("git:--output=x", "names no revision"),
        ("git:", "names no revision"),
        ("nothing.json", "there is no nothing.json; name `git:REV`, or the path of a plan.json"),
        ("conductor.toml", "the plan is not JSON"),
    ],
)
def test_a_plan_that_is_not_there(shop: Shop, against: str, said: str) -> None:
    git(shop.folder, "init")
    assert said in shop.ask("check", "--against", against, code=3).stderr
    assert not (shop.folder / "x").exists()


def test_diff_counts_the_rows_whose_contract_changes(shop: Shop) -> None:
    for _ in range(3):
        shop.ask("invoke", "greet", '{"name": "a"}')
    shop.ask("invoke", "greet", '{"name": "a"}', "--delay", "1h")
    shop.ask("invoke", "nap", '{"seconds": 1}')
    assert json.loads(shop.ask("diff", "--json").stdout)["queued"] == []
    shop.edit('name = "str"', 'name = "str"\nage = { type = "int", default = 1 }')
    shop.ask("generate")
    line = "! 4 executions of task `greet` were enqueued under its old contract (3 ready, 1 scheduled)"
    assert line in shop.ask("diff").stdout.splitlines()
    shop.edit('handler = "shop.work:greet"', 'handler = "shop.work:greet"\nversion = 2\nupgrade = "shop.work:greet"')
    shop.ask("generate")
    assert f"{line}; `upgrade` brings version 1 up" in shop.ask("diff").stdout.splitlines()
    [queued] = json.loads(shop.ask("diff", "--json").stdout)["queued"]
    assert queued == {"task": "greet", "version": 1, "upgraded": True, "states": {"ready": 3, "scheduled": 1}}
    shop.ask("apply")
    assert "!" not in shop.ask("diff").stdout
