"""`executions tail`: every end is one line, once."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg

from pgconductor.store.depth import read_now
from pgconductor.store.ends import Ends
from pgconductor.store.inspection import inspect
from tests.cli.backstage import execute, put_finished
from tests.cli.project import Shop
from tests.database import PrivateServer


@contextmanager
def tailing(shop: Shop, *words: str) -> Iterator[subprocess.Popen[str]]:
    with shop.start("executions", "tail", *words) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def test_the_last_that_ended_and_then_each_as_it_ends(shop: Shop) -> None:
    put_finished(shop, "completed", "greet", "default", 3, age="1 minute")
    put_finished(shop, "cancelled", "nap", "slow", age="30 seconds")
    with tailing(shop, "-n", "2") as tail:
        assert [next_line(tail).split()[2] for _ in range(2)] == ["completed", "cancelled"]
        shop.run("invoke", "stumble")
        shop.run("run", "--drain", "--log-level", "error")
        failed = next_line(tail)
        shop.run("invoke", "greet", '{"name": "x"}')
        shop.run("run", "--drain", "--log-level", "error")
        completed = next_line(tail)
    assert failed.split()[2::2][:2] == ["failed", "stumble"]
    assert failed.endswith("RuntimeError: over \ufffd[31mmy own feet")
    assert completed.split()[2::2] == ["completed", "greet"]
    assert tail.returncode == 130


def test_filters_and_objects_for_programs(shop: Shop) -> None:
    with tailing(shop, "--json", "--task", "nap", "--state", "cancelled", "--queue", "slow", "-n", "1") as tail:
        put_finished(shop, "completed", "nap", "slow", age="0")
        put_finished(shop, "cancelled", "greet", "default", age="0")
        put_finished(shop, "cancelled", "nap", "slow", age="0")
        found = json.loads(next_line(tail))
    assert (found["task"], found["state"], found["queue"]) == ("nap", "cancelled", "slow")


def test_it_outlives_a_restart_of_postgres(fresh: Shop, private_server: PrivateServer) -> None:
    shop = Shop(fresh.folder, private_server.dsn)
    shop.ask("apply")
    put_finished(shop, "completed", "greet", "default")
    with tailing(shop) as tail:
        assert "greet" in next_line(tail)
        private_server.restart()
        put_finished(shop, "failed", "stumble", "default", age="0")
        assert "stumble" in next_line(tail)


def test_what_leaves_no_trace_is_said(shop: Shop) -> None:
    shop.edit("[tasks.greet]\n", '[tasks.greet]\nretention = { completed = "0s" }\n')
    shop.ask("generate")
    with tailing(shop) as tail:
        assert tail.stderr is not None
        assert tail.stderr.readline() == 'completed executions of `greet` leave no trace: retention.completed is "0s"\n'


def ended(id: int, age: str) -> str:
    return (
        "insert into pgconductor.finished (id, run_at, created_at, priority, version, queue, task, payload,"
        f" finished_at, attempts, state) select '{id:032x}', now(), now(), 0, 1, 'default', 'greet', '{{}}',"
        f" now() - interval '{age}', 1, 'completed'"
    )


def test_one_that_commits_late_is_not_lost_and_none_is_told_twice(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr("pgconductor.store.ends.BATCH", 2)
    with inspect(shop.database) as connection, psycopg.connect(shop.database) as late:
        ends = Ends("pgconductor", read_now(connection, "pgconductor") - timedelta(minutes=1))
        late.execute(ended(1, "1 second"))  # type: ignore[call-overload]
        for id in (2, 3, 4, 5, 6):
            execute(shop, ended(id, "0"))
        assert [row.id.int for row in ends.new(connection)] == [2, 3, 4, 5, 6]
        assert list(ends.new(connection)) == []
        late.commit()
        assert [row.id.int for row in ends.new(connection)] == [1]
        assert list(ends.new(connection)) == []
