"""`invoke`: checked before anything is written; the id, or the result, is the data."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from tests.cli.project import Shop


def test_the_id_is_all_that_goes_to_stdout(shop: Shop) -> None:
    done = shop.run("invoke", "greet", '{"name": "world"}')
    assert UUID(done.stdout.strip()).version == 7
    assert shop.rows("select id::text, payload->>'name' from pgconductor.ready") == [(done.stdout.strip(), "world")]


def test_a_task_without_payload_needs_none(shop: Shop) -> None:
    assert json.loads(shop.run("invoke", "stumble", "--json").stdout)["task"] == "stumble"


def test_wait_prints_the_result(shop: Shop) -> None:
    with shop.start("run", "--log-level", "error") as worker:
        done = shop.run("invoke", "greet", '{"name": "world"}', "--wait", "--timeout", "30s")
        worker.terminate()
    assert json.loads(done.stdout) == {"message": "Hello, world!"}
    assert done.stderr.startswith("execution 0")


def test_waiting_for_one_that_fails_is_exit_code_1_with_the_reason(shop: Shop) -> None:
    with shop.start("run", "--log-level", "error") as worker:
        done = shop.run("invoke", "stumble", "--wait", "--timeout", "30s", code=1)
        worker.terminate()
    assert "RuntimeError" in done.stderr
    assert done.stdout == ""


def test_the_wait_ends_at_its_timeout_and_the_execution_goes_on(shop: Shop) -> None:
    done = shop.run("invoke", "greet", '{"name": "world"}', "--wait", "--timeout", "200ms", code=1)
    assert "200ms" in done.stderr
    assert shop.states() == {"ready": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["greet", '{"name": 3}'], "name"),
        (["greet", '{"nam": "x"}'], "nam"),
        (["greet", "not json"], "JSON"),
        (["great", "{}"], "did you mean `greet`?"),
        (["greet", '{"name": "x"}', "--priority", "101"], "priority"),
        (["greet", '{"name": "x"}', "--delay", "1m", "--run-at", "2100-01-01T00:00:00Z"], "run_at"),
    ],
)
def test_what_is_refused_is_named_and_nothing_is_written(shop: Shop, words: list[str], message: str) -> None:
    done = shop.run("invoke", *words, code=1)
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert shop.states() == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--delay", "5"], 'a number needs its unit: "5s"'),
        (["--run-at", "2100-01-01T00:00:00"], "has no offset from UTC"),
        (["--run-at", "tomorrow"], "is not a moment"),
        (["--timeout", "5s"], "--timeout says how long to --wait"),
    ],
)
def test_a_misused_option_is_a_usage_error(shop: Shop, words: list[str], message: str) -> None:
    assert message in shop.run("invoke", "greet", *words, code=2).stderr


def test_options_reach_the_row(shop: Shop) -> None:
    shop.run("invoke", "greet", '{"name": "x"}', "--priority", "7", "--delay", "1h", "--tag", "a", "--tag", "b")
    assert shop.rows("select priority, tags from pgconductor.scheduled where run_at > now() + '50m'") == [
        (7, ["a", "b"])
    ]


def test_a_dedupe_key_gives_the_same_execution(shop: Shop) -> None:
    first, second = (shop.run("invoke", "greet", '{"name": "x"}', "--dedupe-key", "k").stdout for _ in range(2))
    assert first == second
    assert shop.states() == {"ready": 1}


def test_a_throttled_call_enqueues_nothing_and_says_so(shop: Shop) -> None:
    shop.run("invoke", "greet", '{"name": "x"}', "--throttle", "100d")
    done = shop.run("invoke", "greet", '{"name": "x"}', "--throttle", "100d")
    assert (done.stdout, done.stderr) == ("", "throttled: nothing was enqueued\n")
    assert shop.states() == {"ready": 1}


def test_before_apply_the_message_names_the_command(fresh: Shop) -> None:
    assert "run `pgconductor apply`" in fresh.run("invoke", "greet", '{"name": "x"}', code=6).stderr
