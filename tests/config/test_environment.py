"""`[env.<name>]`: what an environment changes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgconductor.config import Config, Diagnostic
from pgconductor.config.model import Overrides

Valid = Callable[..., Config]
Problems = Callable[..., tuple[Diagnostic, ...]]

BASE = """
[database]
pool = { min = 2, max = 20 }
[queues.mails]
processes = 2
[tasks.send]
priority = 3
retry = { schedule = ["1s"], jitter = 0.5 }
[tasks.report]
"""


NO_CLASSES: dict[str, object] = {"retry_on": (), "give_up_on": ()}


def prod(valid: Valid, text: str) -> Overrides:
    return valid(BASE + text).environments["prod"]


def test_nothing_said_is_nothing_changed(valid: Valid) -> None:
    assert prod(valid, "[env.prod]\n") == Overrides()


def test_only_the_keys_given_in_the_units_of_the_plan(valid: Valid) -> None:
    found = prod(
        valid,
        "[env.prod]\ndatabase.statement_timeout = '5s'\ndev.grace = '1s'\n"
        "queues.mails.lease = '1m'\ntasks.send.timeout = '2s'\ntasks.send.concurrency = 5\n",
    )
    assert found == Overrides(
        database={"statement_timeout_ms": 5_000},
        dev={"grace_ms": 1_000},
        queues={"mails": {"lease_ms": 60_000}},
        tasks={"send": {"timeout_ms": 2_000, "concurrency": {"limit": 5, "key": None, "per_key": None}}},
    )


def test_what_is_nested_is_given_whole(valid: Valid) -> None:
    """The plan replaces fields, so a part of `pool` or `retry` brings the rest of the base along."""
    found = prod(valid, "[env.prod]\ndatabase.pool.max = 50\ntasks.send.retry = { max_attempts = 9 }\n")
    assert found.database == {"pool": {"min": 2, "max": 50, "timeout_ms": 30_000}}
    assert found.tasks == {"send": {"retry": {"max_attempts": 9, "delays_ms": (1_000,), "jitter": 0.5, **NO_CLASSES}}}


def test_defaults_reach_whoever_does_not_say_otherwise(valid: Valid) -> None:
    found = prod(
        valid,
        "[env.prod.defaults.task]\npriority = 9\nretry = { max_attempts = 1, jitter = 0 }\n"
        "[env.prod.defaults.queue]\nprocesses = 7\nlease = '5s'\n[env.prod.tasks.report]\ntimeout = '1s'\n",
    )
    assert found.queues == {
        "default": {"processes": 7, "lease_ms": 5_000},
        "mails": {"lease_ms": 5_000},
    }
    assert found.tasks == {
        "send": {"retry": {"max_attempts": 1, "delays_ms": (1_000,), "jitter": 0.5, **NO_CLASSES}},
        "report": {
            "priority": 9,
            "retry": {"max_attempts": 1, "delays_ms": (15_000, 30_000, 60_000), "jitter": 0.0, **NO_CLASSES},
            "timeout_ms": 1_000,
        },
    }


def test_an_environment_wins_over_the_defaults_of_the_root(valid: Valid) -> None:
    text = "[defaults.task]\ntimeout = '1s'\n[env.prod.defaults.task]\ntimeout = '2s'\n"
    assert prod(valid, text).tasks == {"send": {"timeout_ms": 2_000}, "report": {"timeout_ms": 2_000}}


def test_keys_over_the_payload_are_checked_there_too(problems: Problems) -> None:
    from tests.config.cases import HEAD

    found = problems(HEAD + BASE + "[env.prod.tasks.send]\ndedupe = { key = '{nobody}' }\n")
    assert [item.code for item in found] == ["CFG203"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("[env.prod.tasks.send]\nqueue = 'mails'\npayload = {}\n", ["CFG108", "CFG108"]),
        ("[env.prod.tasks.send]\nprioritty = 1\n", ["CFG101"]),
        ("[env.prod.queues.other]\n", ["CFG201"]),
        ("[env.prod.tasks.other]\n", ["CFG204"]),
        ("[env.prod.types.A]\nx = 'int'\n", ["CFG108"]),
        ("[env.prod.conductor]\nname = 'x'\n", ["CFG108"]),
        ("[env.prod.env.other]\n", ["CFG108"]),
        ("[env.prod.database]\nurl = 'postgresql://$x'\n", ["CFG601"]),
        ("[env.prod.database]\npool = { max = 1 }\n", ["CFG107"]),
        ("[env]\nprod = 1\n", ["CFG103"]),
    ],
)
def test_contracts_cannot_differ(text: str, codes: list[str], problems: Problems) -> None:
    from tests.config.cases import HEAD

    assert [item.code for item in problems(HEAD + BASE + text)] == codes
