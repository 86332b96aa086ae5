"""The smallest thing that is enough, by what was edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgconductor.dev.change import Change, State, classify
from pgconductor.dev.project import build
from tests.cli.project import CONFIG, HANDLERS


def edited(folder: Path, before: str, after: str) -> State:
    config = folder / "conductor.toml"
    assert before in CONFIG
    config.write_text(CONFIG.replace(before, after))
    return State(build(config, None), "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "work.py").write_text(HANDLERS)
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("[queues.slow]", "# a comment\n[queues.slow]", Change.NOTHING),
        ("worker_concurrency = 2", "worker_concurrency = 3", Change.TUNABLES),
        ('drain_timeout = "200ms"', 'drain_timeout = "300ms"', Change.TUNABLES),
        ("max_attempts = 1", "max_attempts = 2", Change.TUNABLES),
        ('queue = "slow"', 'queue = "slow"\ntimeout = "5s"', Change.TUNABLES),
        ('queue = "slow"', 'queue = "slow"\npriority = 3', Change.TUNABLES),
        ('queue = "slow"', 'queue = "slow"\nconcurrency = 3', Change.PLAN),
        ('queue = "slow"', "", Change.PLAN),
        ("worker_concurrency = 2", 'executor = "thread"', Change.PLAN),
        ("worker_concurrency = 2", "processes = 2", Change.PLAN),
        ("worker_concurrency = 2", 'lease = "9s"', Change.PLAN),
        ("worker_concurrency = 2", 'durability = "relaxed"', Change.PLAN),
        ('name = "str"', 'name = "str | None"', Change.PLAN),
        ('message = "str"', 'message = "int"', Change.PLAN),
        ('handler = "shop.work:greet"', 'handler = "shop.work:hail"', Change.PLAN),
        ("[tasks.stumble]", '[events."order.paid"]\n[tasks.stumble]', Change.PLAN),
        ("${SHOP_DATABASE}", "${OTHER_DATABASE}", Change.PLAN),
    ],
)
def test_an_edit_takes_no_more_than_it_must(folder: Path, before: str, after: str, change: Change) -> None:
    served = edited(folder, "", "")
    assert classify(served, edited(folder, before, after)) is change


def test_code_takes_a_generation_and_what_was_never_served_takes_everything(folder: Path) -> None:
    state = edited(folder, "", "")
    assert classify(state, State(state.built, "2")) is Change.CODE
    assert classify(None, state) is Change.PLAN
    # Tunables saved together with code must reach the database too.
    tuned = edited(folder, "max_attempts = 1", "max_attempts = 2")
    assert classify(state, State(tuned.built, "2")) is Change.PLAN
