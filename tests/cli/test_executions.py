"""`executions`: what there is, for people and for programs."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.cli.project import Shop


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
    done = busy.ask("executions", "cancel", "--tag", "vip")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == "1 cancelled\n"
    assert busy.states() == {"cancelled": 1, "completed": 1, "failed": 1}
    assert "--task, --queue or --tag" in busy.ask("executions", "cancel", code=2).stderr


def test_before_apply_the_message_names_the_command(fresh: Shop) -> None:
    assert "run `pgconductor apply`" in fresh.ask("executions", "list", code=6).stderr


def test_nothing_is_no_error(shop: Shop) -> None:
    assert json.loads(shop.ask("executions", "list", "--json").stdout) == []
    assert shop.ask("executions", "list").stderr == "no executions\n"
