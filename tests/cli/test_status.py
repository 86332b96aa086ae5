"""`status`, `tasks` and `workers`: the right figures, at a bounded price, honest where they are not exact."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from pgconductor.store import depth, history
from tests.cli.backstage import execute, put, put_finished, put_worker
from tests.cli.project import Shop


@pytest.fixture
def busy(shop: Shop) -> Shop:
    put(shop, "ready", "greet", "default", 3, age="10 minutes")
    put(shop, "ready", "stumble", "default", 2, age="2 minutes")
    put(shop, "scheduled", "nap", "slow", 4, age="-1 hour")
    put(shop, "waiting", "nap", "slow", since="now()")
    worker = put_worker(shop, "default")
    put(shop, "running", "greet", "default", worker=worker, lease=1, started_at="now()")
    put_finished(shop, "completed", "greet", "default", 12)
    put_finished(shop, "failed", "stumble", "default", 2)
    put_finished(shop, "completed", "greet", "default", 100, age="2 minutes")
    return shop


def scrubbed(text: str) -> str:
    """Without how long it took to get here, and the widths that go with it."""
    return re.sub(" {2,}", "  ", re.sub(r"\b(\d+m )?\d+s\b|\b\d+m\b", "AGE", text))


def queues(shop: Shop) -> dict[str, Any]:
    return {queue["queue"]: queue for queue in json.loads(shop.ask("status", "--json").stdout)["queues"]}


def test_status_is_a_table_of_queues(busy: Shop, snapshot: SnapshotAssertion) -> None:
    said = busy.ask("status")
    assert scrubbed(said.stdout) == snapshot
    assert said.stderr == ""


def test_tasks_is_a_table_of_tasks(busy: Shop, snapshot: SnapshotAssertion) -> None:
    put(busy, "ready", "bygone", "slow")
    assert scrubbed(busy.ask("tasks").stdout) == snapshot
    only = json.loads(busy.ask("tasks", "--json", "--queue", "slow").stdout)
    assert [(task["task"], task["declared"] is None) for task in only] == [("bygone", True), ("nap", False)]


def test_workers_is_a_table_of_workers(busy: Shop, snapshot: SnapshotAssertion) -> None:
    lost = put_worker(busy, "slow", lease="-1 hour", host="web-2")
    put(busy, "running", "nap", "slow", 2, worker=lost, lease=1, started_at="now()")
    assert scrubbed(busy.ask("workers").stdout) == snapshot
    found = json.loads(busy.ask("workers", "--json", "--queue", "slow").stdout)
    assert [(worker["state"], worker["running"]) for worker in found] == [("lost", 2)]
    assert "1 lost worker still hold 2" in busy.ask("status").stderr


def test_figures_for_programs(busy: Shop) -> None:
    found = queues(busy)
    counts = {
        name: [queue[state] for state in ("ready", "scheduled", "running", "waiting")] for name, queue in found.items()
    }
    assert counts == {"default": [5, 0, 1, 0], "slow": [0, 4, 0, 1]}
    assert all(queue["exact"] for queue in found.values())
    assert 600 <= found["default"]["oldest_seconds"] < 900
    assert found["slow"]["next_due"] is not None
    assert (found["default"]["completed_per_minute"], found["default"]["failed_per_minute"]) == (12, 2)
    assert (found["default"]["workers"], found["default"]["slots"], found["slow"]["workers"]) == (1, 10, 0)


def test_queues_that_nobody_serves_are_pointed_out(shop: Shop) -> None:
    assert shop.ask("status").stderr == ""
    put(shop, "ready", "nap", "slow")
    assert "no worker serves slow; `pgconductor run` starts one" in shop.ask("status").stderr
    assert shop.ask("workers").stderr == "no workers; `pgconductor run` starts one\n"


def test_large_queues_are_estimated_and_it_is_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    put(shop, "ready", "greet", "default", 20_000, age="1 hour")
    put(shop, "scheduled", "greet", "default", 20_000, age="-1 hour")
    monkeypatch.setattr(depth, "MOST_PAGES", 60)
    found = queues(shop)["default"]
    assert found["exact"] is False
    assert 10_000 < found["ready"] < 30_000
    assert 10_000 < found["scheduled"] < 30_000
    assert found["oldest_seconds"] >= 3600
    said = shop.ask("status")
    assert "~" in said.stdout
    assert ">1h" in said.stdout
    assert "~ estimated from a sample" in said.stderr
    assert queues(shop)["default"]["ready"] == found["ready"], "the same pages at every look"


def test_rates_come_from_the_newest_pages(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    put_finished(shop, "completed", "greet", "default", 5_000, age="2 minutes")
    put_finished(shop, "completed", "greet", "default", 30)
    execute(shop, "vacuum pgconductor.finished")
    monkeypatch.setattr(history, "MOST_PAGES", 5)
    assert queues(shop)["default"]["completed_per_minute"] == 30


def test_pages_that_reach_back_seconds_stand_for_the_minute(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    put_finished(shop, "completed", "greet", "default", 5_000, age="20 seconds")
    monkeypatch.setattr(history, "MOST_PAGES", 5)
    found = queues(shop)["default"]["completed_per_minute"]
    assert 300 < found < 5_000, "five pages' worth, times less than three"


def test_rates_are_sampled_where_pruning_makes_room_in_between(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(shop, "update pgconductor.tasks set keep_completed = '1 hour' where key = 'greet'")
    put_finished(shop, "completed", "greet", "default", 5_000)
    put_finished(shop, "completed", "greet", "default", 5_000, age="2 minutes")
    monkeypatch.setattr(history, "MOST_PAGES", 60)
    assert 2_500 < queues(shop)["default"]["completed_per_minute"] < 7_500


def test_completions_of_which_no_trace_is_kept_are_not_called_none(shop: Shop) -> None:
    shop.edit("[tasks.greet]\n", '[tasks.greet]\nretention = { completed = "0s" }\n')
    shop.ask("generate")
    shop.ask("apply")
    put_finished(shop, "completed", "stumble", "default", 7)
    said = shop.ask("status")
    assert "7+" in said.stdout
    assert 'not counted are completed executions of `greet`: retention.completed is "0s"' in said.stderr
    (greet,) = (task for task in json.loads(shop.ask("tasks", "--json").stdout) if task["task"] == "greet")
    assert greet["completed_per_minute"] is None
    assert queues(shop)["default"]["not_counted"] == ["greet"]


def test_before_apply_the_message_names_the_command(fresh: Shop) -> None:
    for verb in ("status", "tasks", "workers"):
        assert "run `pgconductor apply`" in fresh.ask(verb, code=6).stderr


def fastest(shop: Shop) -> float:
    took = []
    for _ in range(4):
        started = time.perf_counter()
        queues(shop)
        took.append(time.perf_counter() - started)
    return min(took)


@pytest.mark.slow
def test_a_look_at_a_million_executions_costs_what_one_at_a_third_of_them_does(shop: Shop) -> None:
    put(shop, "ready", "greet", "default", 300_000)
    before = fastest(shop)
    put(shop, "ready", "greet", "default", 700_000)
    assert 900_000 < queues(shop)["default"]["ready"] < 1_100_000
    assert fastest(shop) < 2 * before
