"""`executions`: what there is, for people and for programs."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from uuid import uuid4

import pytest

from tests.cli.project import Shop
from tests.cli.terminal import Terminal
from tests.command import COMMAND, environment


@pytest.fixture
def busy(shop: Shop) -> Shop:
    shop.run("invoke", "stumble")
    shop.run("invoke", "greet", '{"name": "é"}', "--tag", "vip")
    shop.run("run", "--drain", "--log-level", "error")
    shop.run("invoke", "nap", '{"seconds": 1}', "--delay", "1h", "--tag", "vip")
    return shop


def test_list_is_a_table_newest_first(busy: Shop) -> None:
    lines = [line.split() for line in busy.ask("executions", "list").stdout.splitlines()]
    assert [line[:5] for line in lines[:1]] == [["id", "state", "task", "queue", "attempts"]]
    assert [(line[1], line[2]) for line in lines[1:]] == [
        ("scheduled", "nap"),
        ("completed", "greet"),
        ("failed", "stumble"),
    ]


def test_filters_and_pages(busy: Shop) -> None:
    listed = json.loads(busy.ask("executions", "list", "--json").stdout)
    assert json.loads(busy.ask("executions", "list", "--json", "--task", "nap").stdout) == listed[:1]
    assert json.loads(busy.ask("executions", "list", "--json", "--state", "failed").stdout) == listed[2:]
    assert json.loads(busy.ask("executions", "list", "--json", "--queue", "slow").stdout) == listed[:1]
    page = busy.ask("executions", "list", "--limit", "2")
    assert page.stderr == f"the first 2; the next: --before {listed[1]['id']}\n"
    rest = busy.ask("executions", "list", "--json", "--limit", "2", "--before", listed[1]["id"])
    assert json.loads(rest.stdout) == listed[2:]


def test_show_has_everything_and_nothing_that_drives_a_terminal(busy: Shop) -> None:
    failed, completed = (
        json.loads(busy.ask("executions", "list", "--json", "--state", state).stdout)[0]["id"]
        for state in ("failed", "completed")
    )
    shown = busy.ask("executions", "show", failed).stdout
    assert "error        RuntimeError: over \ufffd[31mmy own feet" in shown
    assert 'File "' in shown
    assert "\x1b" not in shown
    assert json.loads(busy.ask("executions", "show", failed, "--json").stdout)["error"]["type"] == "RuntimeError"
    assert 'payload      {"name": "é"}' in busy.ask("executions", "show", completed).stdout
    assert 'result       {"message": "Hello, é!"}' in busy.ask("executions", "show", completed).stdout


def test_one_that_is_not_there_is_exit_code_1(busy: Shop) -> None:
    assert "no execution" in busy.ask("executions", "show", str(uuid4()), code=1).stderr
    assert "no execution" in busy.ask("executions", "cancel", str(uuid4()), code=1).stderr
    busy.ask("executions", "show", "not-an-id", code=2)


def test_cancel_by_id_prints_what_it_cancelled(busy: Shop) -> None:
    scheduled, completed, _ = (row["id"] for row in json.loads(busy.ask("executions", "list", "--json").stdout))
    done = busy.ask("executions", "cancel", scheduled, completed, "--reason", "no more")
    assert done.stdout == f"{scheduled}\n"
    assert done.stderr == f"{completed} is completed already\n"
    assert "no more" in busy.ask("executions", "show", scheduled).stdout


def test_cancel_all_that_match(busy: Shop) -> None:
    assert "say --yes" in busy.ask("executions", "cancel", "--tag", "vip", code=2).stderr
    done = busy.ask("executions", "cancel", "--tag", "vip", "--yes")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == "1 cancelled\n"
    assert busy.states() == {"cancelled": 1, "completed": 1, "failed": 1}
    assert "--state or --all" in busy.ask("executions", "cancel", code=2).stderr


def test_cancel_by_state_or_all_and_as_data(busy: Shop) -> None:
    none = busy.ask("executions", "cancel", "--state", "ready")
    assert (none.stdout, none.stderr) == ("", "nothing to cancel: no executions match\n")
    done = busy.ask("executions", "cancel", "--all", "--yes", "--json")
    (found,) = json.loads(busy.ask("executions", "list", "--json", "--state", "cancelled").stdout)
    assert json.loads(done.stdout) == [{"id": found["id"], "cancelled": True, "problem": None}]


def test_retry_and_list_by_tag(busy: Shop) -> None:
    busy.ask("executions", "cancel", "--state", "scheduled", "--yes")
    assert "nothing to retry" in busy.ask("executions", "retry", "--tag", "other", "--state", "cancelled").stderr
    tagged = [row["id"] for row in json.loads(busy.ask("executions", "list", "--tag", "vip", "--json").stdout)]
    assert len(tagged) == 2
    done = busy.ask("executions", "retry", "--tag", "vip", "--state", "cancelled", "--yes")
    assert done.stdout == f"{tagged[0]}\n"
    assert json.loads(busy.ask("executions", "list", "--tag", "other", "--json").stdout) == []


def test_retry_by_id_runs_it_again(busy: Shop) -> None:
    (failed,) = json.loads(busy.ask("executions", "list", "--json", "--state", "failed").stdout)
    (completed,) = json.loads(busy.ask("executions", "list", "--json", "--state", "completed").stdout)
    refused = busy.ask("executions", "retry", failed["id"], "--from-step", "charge", code=1)
    assert refused.stderr == (
        f'error: execution {failed["id"]} cannot be retried: it has no step "charge"; it has none\n'
    )
    done = busy.ask("executions", "retry", failed["id"], completed["id"])
    assert (done.stdout, done.stderr) == (f"{failed['id']}\n", f"{completed['id']} is completed already\n")
    assert busy.states() == {"ready": 1, "completed": 1, "scheduled": 1}
    assert "no execution" in busy.ask("executions", "retry", str(uuid4()), code=1).stderr


def test_retry_all_that_match_means_those_that_failed(busy: Shop) -> None:
    busy.ask("executions", "cancel", "--task", "nap", "--yes")
    (failed,) = json.loads(busy.ask("executions", "list", "--json", "--state", "failed").stdout)
    assert "--tag, --state or --all" in busy.ask("executions", "retry", code=2).stderr
    assert "nothing to retry" in busy.ask("executions", "retry", "--tag", "vip").stderr
    assert "say --yes" in busy.ask("executions", "retry", "--all", code=2).stderr
    none = busy.ask("executions", "retry", "--task", "nap", "--json")
    assert (json.loads(none.stdout), none.stderr) == ([], "nothing to retry: no executions match\n")
    done = busy.ask("executions", "retry", "--all", "--yes")
    assert (done.stdout, done.stderr) == (f"{failed['id']}\n", "1 retried\n")
    assert busy.ask("executions", "retry", "--queue", "slow", "--state", "cancelled", "--yes").stderr == "1 retried\n"
    assert busy.states() == {"ready": 2, "completed": 1}


def test_a_terminal_is_asked_before_all_that_match_change(busy: Shop) -> None:
    with closing(Terminal(busy, "executions", "retry", "--all")) as terminal:
        terminal.read_until("Retry 1 execution?")
        terminal.type("n\n")
        assert terminal.ended() == 1
    assert busy.states() == {"scheduled": 1, "completed": 1, "failed": 1}


def test_before_apply_the_message_names_the_command(fresh: Shop) -> None:
    assert "run `pgconductor apply`" in fresh.ask("executions", "list", code=6).stderr


def test_nothing_is_no_error(shop: Shop) -> None:
    assert json.loads(shop.ask("executions", "list", "--json").stdout) == []
    assert shop.ask("executions", "list").stderr == "no executions\n"


def test_what_stdout_has_no_letter_for_is_shown_by_its_number(shop: Shop) -> None:
    shop.run("invoke", "greet", '{"name": "é日😀"}', "--delay", "1h")
    env = {"SHOP_DATABASE": shop.database, "PYTHONIOENCODING": "latin-1"}
    words = (*COMMAND, "executions", "list", "--json")
    done = subprocess.run(words, cwd=shop.folder, env=environment(env), capture_output=True, check=True)
    [listed] = json.loads(done.stdout.decode("ascii"))
    assert listed["payload"] == {"name": "é日😀"}
    words = (*COMMAND, "executions", "show", listed["id"])
    done = subprocess.run(words, cwd=shop.folder, env=environment(env), capture_output=True, check=True)
    assert r'{"name": "é\u65e5\U0001f600"}' in done.stdout.decode("latin-1")
