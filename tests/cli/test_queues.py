"""`queues`: what an operator says of a queue holds until the operator says otherwise."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from pgconductor.store import queues
from pgconductor.store.inspection import inspect
from tests.cli.backstage import execute, put, put_finished
from tests.cli.project import Shop
from tests.cli.terminal import Terminal


def paused(shop: Shop) -> dict[str, bool]:
    return {queue["queue"]: queue["paused"] for queue in json.loads(shop.ask("queues", "list", "--json").stdout)}


def test_list_shows_what_is_paused(shop: Shop) -> None:
    assert paused(shop) == {"default": False, "slow": False}
    said = shop.ask("queues", "pause", "slow")
    assert (said.stdout, said.stderr) == ("", "queue `slow` is paused\n")
    assert paused(shop) == {"default": False, "slow": True}
    assert [line.split()[:2] for line in shop.ask("queues", "list").stdout.splitlines()] == [
        ["queue", "state"],
        ["default", "open"],
        ["slow", "paused"],
    ]
    assert shop.ask("queues", "pause", "slow").stderr == "queue `slow` was paused already\n"


def test_all_queues_at_once_and_for_programs(shop: Shop) -> None:
    shop.ask("queues", "pause", "slow")
    assert json.loads(shop.ask("queues", "pause", "--all", "--json").stdout) == [
        {"queue": "default", "paused": True, "changed": True},
        {"queue": "slow", "paused": True, "changed": False},
    ]
    shop.ask("queues", "resume", "default", "slow")
    assert paused(shop) == {"default": False, "slow": False}


def test_a_queue_that_is_not_there_changes_nothing(shop: Shop) -> None:
    refused = shop.ask("queues", "pause", "default", "slwo", code=2)
    assert "no queue `slwo` in the database; did you mean `slow`?" in refused.stderr
    assert paused(shop) == {"default": False, "slow": False}
    assert "name queues, or say --all" in shop.ask("queues", "resume", code=2).stderr
    shop.ask("queues", "pause", "slow", "--all", code=2)


def test_a_paused_queue_stays_paused_over_apply_and_restarts(shop: Shop) -> None:
    shop.ask("queues", "pause", "slow")
    shop.run("invoke", "nap", '{"seconds": 0}')
    shop.edit("worker_concurrency = 2", "worker_concurrency = 3")
    shop.ask("generate")
    shop.ask("apply")
    shop.run("run", "--drain")
    assert paused(shop)["slow"]
    assert shop.states() == {"ready": 1}
    shop.ask("queues", "resume", "slow")
    shop.run("run", "--drain")
    assert shop.states() == {"completed": 1}


def test_running_workers_notice_both_within_a_poll(shop: Shop) -> None:
    with shop.start("run", "--log-level", "error") as worker:
        try:
            shop.run("invoke", "nap", '{"seconds": 0}')
            wait_for(shop, {"completed": 1})
            shop.ask("queues", "pause", "slow")
            shop.run("invoke", "nap", '{"seconds": 0}')
            shop.run("invoke", "greet", '{"name": "x"}')
            wait_for(shop, {"completed": 2, "ready": 1})
            time.sleep(1.2)  # the poll_interval
            assert shop.states() == {"completed": 2, "ready": 1}
            shop.ask("queues", "resume", "slow")
            wait_for(shop, {"completed": 3})
        finally:
            worker.terminate()
            worker.communicate(timeout=30)


def wait_for(shop: Shop, states: dict[str, int]) -> None:
    deadline = time.monotonic() + 60
    while shop.states() != states:
        assert time.monotonic() < deadline, shop.states()
        time.sleep(0.05)


def test_purge_cancels_what_has_not_begun_and_leaves_the_rest(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "BATCH", 3)
    put(shop, "ready", "nap", "slow", 7)
    execute(shop, "select pgconductor.invoke('nap', '{\"seconds\": 1}', delay => '1 hour') from generate_series(1, 4)")
    put(shop, "ready", "greet", "default", 2)
    put(shop, "running", "nap", "slow", worker=1, lease=1, started_at="now()")
    put(shop, "waiting", "nap", "slow", since="now()")
    put_finished(shop, "completed", "nap", "slow")
    said = shop.ask("queues", "purge", "slow", "--yes")
    assert (said.stdout, said.stderr) == ("", "queue `slow`: 11 cancelled\n")
    assert shop.states() == {"cancelled": 11, "completed": 1, "ready": 2, "running": 1, "waiting": 1}
    assert shop.rows("select cancel_reason from pgconductor.running") == [(None,)]
    reasons = shop.rows("select distinct error ->> 'message' from pgconductor.executions where state = 'cancelled'")
    assert reasons == [("queue `slow` was purged",)]


def test_purge_of_nothing_asks_nothing(shop: Shop) -> None:
    assert json.loads(shop.ask("queues", "purge", "slow", "--json").stdout) == {
        "queue": "slow",
        "cancelled": 0,
        "left": 0,
    }


def test_purge_without_a_person_to_ask_needs_yes(shop: Shop) -> None:
    put(shop, "ready", "nap", "slow")
    assert "where nobody can answer, say --yes" in shop.run("queues", "purge", "slow", code=2).stderr
    assert shop.states() == {"ready": 1}


def test_purge_asks_a_person(shop: Shop) -> None:
    put(shop, "ready", "nap", "slow", 2)
    for answer, code, states in (("n", 1, {"ready": 2}), ("y", 0, {"cancelled": 2})):
        with closing(Terminal(shop, "queues", "purge", "slow")) as terminal:
            terminal.read_until("Cancel 2 ready and 0 scheduled executions of `slow`? [y/N]:")
            terminal.type(f"{answer}\n")
            assert terminal.ended() == code, terminal.seen
        assert shop.states() == states


def test_ctrl_c_at_the_question_cancels_nothing(shop: Shop) -> None:
    put(shop, "ready", "nap", "slow", 2)
    with closing(Terminal(shop, "queues", "purge", "slow")) as terminal:
        terminal.read_until("[y/N]:")
        # One that comes between the question and the read is only seen at the next: Python's input() is like that.
        while terminal.process.poll() is None:
            terminal.type("\x03")
            with suppress(subprocess.TimeoutExpired):
                terminal.process.wait(timeout=10)
        assert terminal.ended() == 130
    assert shop.states() == {"ready": 2}


def test_purge_waits_for_nobody_and_says_what_it_left(shop: Shop) -> None:
    put(shop, "ready", "nap", "slow", 5)
    with psycopg.connect(shop.database) as other:
        other.execute("select from pgconductor.ready order by id limit 2 for key share")
        said = shop.ask("queues", "purge", "slow", "--yes", code=1)
    assert "3 cancelled" in said.stderr
    assert "2 are held by other transactions and were left" in said.stderr


def test_what_is_enqueued_after_a_purge_began_stays(shop: Shop) -> None:
    put(shop, "ready", "nap", "slow", 2)
    with inspect(shop.database) as connection:
        past = datetime.now(UTC) - timedelta(hours=1)
        assert list(queues.Purge("pgconductor", "slow", past, "x").run(connection)) == []
    assert shop.states() == {"ready": 2}
