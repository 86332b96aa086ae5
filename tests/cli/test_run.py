"""`run`: from plan.json alone, told to stop by signals, on a terminal and elsewhere."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from tests.cli.project import Shop
from tests.command import COMMAND, environment, pgconductor
from tests.database import PrivateServer


def test_the_whole_way_on_the_embedded_postgres(tmp_path: Path) -> None:
    pgconductor("init", "bakery", cwd=tmp_path)
    bakery = tmp_path / "bakery"
    for words in (["generate"], ["apply"]):
        pgconductor(*words, cwd=bakery)
    id = pgconductor("invoke", "send_email", '{"to": "a@b.c", "subject": "hi"}', cwd=bakery).stdout.strip()
    done = pgconductor("run", "--drain", cwd=bakery)
    assert "drained: 1 completed" in done.stderr
    shown = json.loads(pgconductor("executions", "show", id, "--json", cwd=bakery).stdout)
    assert (shown["state"], shown["result"]) == ("completed", {"message_id": id})
    assert (bakery / ".pgconductor" / "postgres" / "postmaster.pid").exists() is False


def test_run_creates_what_is_missing_and_drains(fresh: Shop) -> None:
    done = fresh.run("run", "--drain")
    assert "applied: create queue `slow`" in done.stderr
    assert done.stdout == ""


def test_verify_creates_nothing(fresh: Shop) -> None:
    fresh.edit("[database]\n", '[database]\napply = "verify"\n')
    fresh.ask("generate")
    assert "run `pgconductor apply`" in fresh.run("run", "--drain", code=6).stderr
    assert fresh.rows("select to_regnamespace('pgconductor')::text") == [(None,)]


def test_run_needs_neither_the_toml_nor_the_sql_files(shop: Shop) -> None:
    shop.run("invoke", "greet", '{"name": "x"}')
    (shop.folder / "conductor.toml").unlink()
    for path in (shop.folder / "db").rglob("*.sql"):
        path.unlink()
    done = shop.run("run", "--drain", "--plan", "shop/conductor/plan.json")
    assert "drained: 1 completed" in done.stderr
    assert "warning" not in done.stderr
    shop.run("run", "--drain")  # the only plan below is found


def test_a_configuration_that_was_not_generated_is_warned_about(shop: Shop) -> None:
    shop.edit('name = "str"', 'name = "str"  # changed')
    done = shop.run("run", "--drain")
    assert "warning: conductor.toml changed since `pgconductor generate`; what runs is the old plan" in done.stderr


def test_an_unknown_queue_is_a_usage_error(shop: Shop) -> None:
    assert "no queue `slaw` in the plan; declared: default, slow" in shop.run("run", "--queue", "slaw", code=2).stderr


def test_only_the_named_queues_are_served(shop: Shop) -> None:
    shop.run("invoke", "nap", '{"seconds": 0}')
    shop.run("invoke", "greet", '{"name": "x"}')
    shop.run("run", "--drain", "--queue", "slow")
    assert shop.rows("select task, state from pgconductor.executions order by task") == [
        ("greet", "ready"),
        ("nap", "completed"),
    ]


def test_missing_handlers_are_exit_code_3_all_at_once(shop: Shop) -> None:
    work = shop.folder / "shop" / "work.py"
    work.write_text(work.read_text().replace("def nap", "def doze").replace("def greet", "def hail"))
    done = shop.run("run", "--drain", code=3)
    assert "task `nap`" in done.stderr
    assert "task `greet`" in done.stderr


def test_json_logs_are_one_object_a_line(shop: Shop) -> None:
    id = shop.run("invoke", "greet", '{"name": "x"}').stdout.strip()
    shop.run("invoke", "stumble")
    lines = [json.loads(line) for line in shop.run("run", "--drain", "--log-format", "json").stderr.splitlines()]
    completed = next(line for line in lines if line.get("event") == "completed")
    assert (completed["task"], completed["execution_id"], completed["attempt"]) == ("greet", id, 1)
    said = next(line for line in lines if line["message"] == "greeting x")
    assert (said["logger"], said["execution_id"]) == ("pgconductor.handlers", id)
    assert [line["event"] for line in lines if line["level"] == "error"] == ["failed"]


def test_elsewhere_than_on_a_terminal_there_are_plain_lines(shop: Shop) -> None:
    shop.run("invoke", "greet", '{"name": "x"}')
    errors = shop.run("run", "--drain").stderr
    assert "INFO    completed greet" in errors
    assert "\x1b" not in errors


def test_what_handlers_print_is_all_that_stdout_gets(shop: Shop) -> None:
    shop.run("invoke", "nap", '{"seconds": 0}')
    assert shop.run("run", "--drain").stdout == "napping\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_gives_back_what_did_not_end_and_costs_no_attempt(
    shop: Shop, number: signal.Signals, code: int
) -> None:
    shop.run("invoke", "nap", '{"seconds": 60}')
    with shop.start("run") as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "napping\n"
        worker.send_signal(number)
        _, errors = worker.communicate(timeout=30)
    assert worker.returncode == code, errors
    assert shop.rows("select state, attempts from pgconductor.executions") == [("ready", 0)]


def test_a_drain_that_was_cut_short_does_not_say_that_it_drained(shop: Shop) -> None:
    shop.run("invoke", "nap", '{"seconds": 60}')
    with shop.start("run", "--drain") as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "napping\n"
        worker.terminate()
        _, errors = worker.communicate(timeout=30)
    assert worker.returncode == 0
    assert "stopped: 0 completed, 1 released" in errors
    assert "drained" not in errors


def test_a_drain_outlives_a_restart_of_postgres(fresh: Shop, private_server: PrivateServer) -> None:
    shop = Shop(fresh.folder, private_server.dsn)
    shop.ask("apply")
    for _ in range(4):
        shop.run("invoke", "nap", '{"seconds": 0.5}')
    with shop.start("run", "--drain") as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "napping\n"
        private_server.stop("immediate")
        time.sleep(1)
        private_server.start()
        _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert shop.states() == {"completed": 4}


def test_a_worker_that_was_forgotten_ends_as_a_failure_so_that_somebody_restarts_it(shop: Shop) -> None:
    shop.edit("[queues.slow]", '[queues.default]\nlease = "1s"\n[queues.slow]\nlease = "1s"')
    shop.ask("generate")
    with shop.start("run", "--log-level", "error") as worker:
        registered = "select count(*)::int from pgconductor.workers"
        deadline = time.monotonic() + 20
        while shop.rows(registered) != [(2,)]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with psycopg.connect(shop.database) as connection:
            connection.execute("delete from pgconductor.workers")
        _, errors = worker.communicate(timeout=30)
    assert worker.returncode == 1
    assert "no longer registered" in errors


@pytest.mark.parametrize("moment", [0.5, 0.6, 0.7, 0.8, 1.0])
def test_a_signal_while_it_starts_is_not_lost(shop: Shop, moment: float) -> None:
    with shop.start("run") as worker:
        time.sleep(moment)
        worker.terminate()
        _, errors = worker.communicate(timeout=20)
    assert worker.returncode in (0, -signal.SIGTERM), errors


def test_a_start_that_fails_half_way_says_why(shop: Shop) -> None:
    with psycopg.connect(shop.database) as connection:
        connection.execute(
            """create function full_house() returns trigger language plpgsql as
               $$ begin raise exception 'no more room'; end $$"""
        )
        connection.execute(
            """create trigger full_house before insert on pgconductor.workers
               for each row when (new.queue = 'slow') execute function full_house()"""
        )
    with shop.start("run", "--drain") as worker:
        _, errors = worker.communicate(timeout=30)
    assert worker.returncode != 0
    assert "no more room" in errors
    assert "AttributeError" not in errors


def test_several_processes_share_the_work_and_one_signal_stops_them(shop: Shop) -> None:
    for _ in range(4):
        shop.run("invoke", "nap", '{"seconds": 60}')
    with shop.start("run", "--processes", "2") as supervisor:
        assert supervisor.stdout is not None
        assert [supervisor.stdout.readline() for _ in range(4)] == ["napping\n"] * 4
        assert shop.rows("select count(distinct pid)::int from pgconductor.workers") == [(2,)]
        supervisor.terminate()
        supervisor.communicate(timeout=30)
    assert supervisor.returncode == 0
    assert shop.rows("select state, attempts, count(*)::int from pgconductor.executions group by 1, 2") == [
        ("ready", 0, 4)
    ]


def test_several_processes_drain(shop: Shop) -> None:
    for number in range(6):
        shop.run("invoke", "greet", f'{{"name": "{number}"}}')
    shop.run("run", "--processes", "2", "--drain")
    assert shop.states() == {"completed": 6}


def on_terminal(shop: Shop, *words: str) -> tuple[subprocess.Popen[bytes], int]:
    ours, theirs = pty.openpty()
    env = environment({**shop.env, "TERM": "xterm"})
    process = subprocess.Popen([*COMMAND, *words], stdout=theirs, stderr=theirs, stdin=theirs, env=env, cwd=shop.folder)
    os.close(theirs)
    return process, ours


def read_until(terminal: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
    assert text in seen, seen
    return seen


def test_on_a_terminal_a_line_per_queue_is_kept_up_to_date(shop: Shop) -> None:
    shop.run("invoke", "greet", '{"name": "x"}')
    worker, terminal = on_terminal(shop, "run")
    with worker:
        seen = read_until(terminal, b"1 completed")
        assert b"0/2 running" in seen
        worker.send_signal(signal.SIGINT)
        seen += read_until(terminal, b"stopped: 1 completed")
    os.close(terminal)
    assert worker.returncode == 130
    assert b"INFO" not in seen


def test_on_a_terminal_a_drain_has_a_progress_bar(shop: Shop) -> None:
    shop.run("invoke", "greet", '{"name": "x"}')
    worker, terminal = on_terminal(shop, "run", "--drain")
    with worker:
        seen = read_until(terminal, b"drained: 1 completed")
    os.close(terminal)
    assert b"draining" in seen
    assert b"1/1" in seen
    assert worker.returncode == 0
