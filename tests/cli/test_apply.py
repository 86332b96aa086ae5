"""`apply` and `diff`: what would be done is shown, what would lose executions is refused."""

from __future__ import annotations

import json

from tests.cli.project import Shop


def test_diff_shows_what_apply_does_and_writes_nothing(fresh: Shop) -> None:
    before = fresh.ask("diff")
    assert "+ create queue `slow`" in before.stdout.splitlines()
    assert fresh.rows("select to_regnamespace('pgconductor')::text") == [(None,)]
    applied = fresh.ask("apply")
    assert applied.stdout == before.stdout
    again = fresh.ask("diff")
    assert again.stdout == ""
    assert "is in line with the plan" in again.stderr


def test_diff_check_tells_a_script(fresh: Shop) -> None:
    fresh.ask("diff", "--check", code=4)
    fresh.ask("apply")
    fresh.ask("diff", "--check")


def test_json_for_programs(fresh: Shop) -> None:
    changes = json.loads(fresh.ask("apply", "--json").stdout)["changes"]
    assert {"summary": "create queue `slow`", "removes": False} in changes
    assert json.loads(fresh.ask("apply", "--json").stdout) == {"changes": [], "kept": [], "queued": []}


def test_a_queue_that_holds_executions_is_not_dropped(shop: Shop) -> None:
    shop.run("invoke", "nap", '{"seconds": 1}')
    _without_the_slow_queue(shop)
    refused = shop.ask("apply", code=5)
    assert "queue `slow` holds 1 ready" in refused.stderr
    assert "[[removed]]" in refused.stderr
    assert shop.states() == {"ready": 1}


def test_an_empty_queue_goes(shop: Shop) -> None:
    _without_the_slow_queue(shop)
    assert "- drop queue `slow`" in shop.ask("apply").stdout.splitlines()
    assert shop.rows("select to_regclass('pgconductor.ready_slow')::text") == [(None,)]


def test_a_password_is_never_shown_and_an_unreachable_database_is_exit_code_6(shop: Shop) -> None:
    url = "postgresql://app:hush-hush@127.0.0.1:1/shop"
    for words in (
        ["apply"],
        ["diff"],
        ["run", "--drain"],
        ["executions", "list"],
        ["invoke", "greet", '{"name": "a"}'],
    ):
        done = shop.run(*words, code=6, env={"SHOP_DATABASE": url})
        assert "hush-hush" not in done.stdout + done.stderr
        assert "app:***@127.0.0.1:1/shop" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_unset_variable_is_named(shop: Shop) -> None:
    without = Shop(shop.folder, "")
    done = without.run("apply", env={"SHOP_DATABASE": ""}, code=6)
    assert "Traceback" not in done.stderr


def _without_the_slow_queue(shop: Shop) -> None:
    shop.edit('[queues.slow]\nworker_concurrency = 2\ndrain_timeout = "200ms"\n', "")
    shop.edit('queue = "slow"\n', "")
    shop.ask("generate")
