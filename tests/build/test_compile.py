"""The compiler: nothing is lost on the way to the plan, and each hash tells what it is there to tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from pgconductor.build.compile import compile_plan
from pgconductor.config import Config
from pgconductor.plan.model import Plan
from tests.build.strategies import configs

Configured = Callable[[str], Config]

TASK = """
[tasks.send]
payload = { to = "str", line = "Line" }
returns = { id = "int" }
[types.Line]
text = "str"
count = { type = "int", default = 1 }
"""

many = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@many
@given(configs())
def test_a_plan_read_back_is_the_plan_that_was_written(config: Config) -> None:
    plan = compile_plan(config)
    assert Plan.from_json(plan.to_json()) == plan


@many
@given(configs())
def test_the_order_of_tables_in_the_file_does_not_matter(config: Config) -> None:
    shuffled = config.model_copy(
        update={
            name: dict(reversed(getattr(config, name).items()))
            for name in ("queues", "tasks", "events", "types", "environments")
        }
    )
    assert compile_plan(shuffled).to_json() == compile_plan(config).to_json()


@many
@given(configs())
def test_an_environment_is_the_plan_of_a_file_that_says_the_same(config: Config) -> None:
    plan = compile_plan(config)
    for name, changes in config.environments.items():
        merged = config.model_copy(
            update={
                "environments": {},
                "database": config.database.model_validate({**config.database.model_dump(), **changes.database}),
                "queues": _merged(config.queues, changes.queues),
                "tasks": _merged(config.tasks, changes.tasks),
            }
        )
        expected = compile_plan(merged)
        found = plan.for_environment(name).model_copy(update={"environments": {}})
        assert found == expected


def _merged(base: dict[str, Any], changes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    def one(name: str, item: Any) -> Any:
        fields = {key: getattr(item, key) for key in type(item).model_fields}
        return type(item).model_validate({**fields, **changes.get(name, {})})

    return {name: one(name, item) for name, item in base.items()}


def test_an_environment_carries_only_what_differs(configured: Configured) -> None:
    plan = compile_plan(
        configured(
            """
            [queues.mail]
            worker_concurrency = 5
            [tasks.send]
            timeout = "5s"
            [env.prod.queues.mail]
            worker_concurrency = 5
            lease = "1m"
            [env.prod.tasks.send]
            timeout = "5s"
            [env.same.tasks.send]
            timeout = "5s"
            """
        )
    )
    assert plan.environments["prod"].queues == {"mail": {"lease_ms": 60_000}}
    assert plan.environments["prod"].tasks == {}
    assert plan.environments["same"].hashes == plan.hashes


def test_a_limit_of_an_environment_gives_it_lanes_of_its_own(configured: Configured) -> None:
    plan = compile_plan(configured("[tasks.send]\n[tasks.other]\n[env.prod.tasks.send]\nconcurrency = 3\n"))
    assert [lane.task for lane in plan.queues["default"].lanes] == [None]
    prod = plan.for_environment("prod")
    assert [(lane.task, lane.limit) for lane in prod.queues["default"].lanes] == [(None, None), ("send", 3)]
    assert "ready_lanes" in prod.queues["default"].poll
    assert prod.queues["default"].poll != plan.queues["default"].poll
    assert prod.hashes.structure != plan.hashes.structure


@pytest.mark.parametrize(
    "change",
    [
        ('to = "str"', 'to = "str | None"'),
        ('to = "str"', 'to = "str", cc = "str"'),
        ('to = "str"', '"to?" = "str"'),
        ('returns = { id = "int" }', 'returns = { id = "str" }'),
        ('returns = { id = "int" }', ""),
        ('text = "str"', 'text = "int"'),
        ("default = 1", "default = 2"),
        ("[tasks.send]", "[tasks.send]\nversion = 2"),
        ("[tasks.send]", '[tasks.send]\nkey = "sent"'),
    ],
)
def test_what_changes_the_contract_of_a_task(change: tuple[str, str], configured: Configured) -> None:
    before, after = _before_and_after(change, configured)
    assert before.tasks["send"].contract != after.tasks["send"].contract
    assert before.hashes.structure != after.hashes.structure


@pytest.mark.parametrize(
    "change",
    [
        ('to = "str"', 'to = { type = "str", description = "Whom." }'),
        ('{ to = "str", line = "Line" }', '{ line = "Line", to = "str" }'),
        ("[tasks.send]", '[tasks.send]\ndescription = "Sends."'),
    ],
)
def test_what_changes_no_hash(change: tuple[str, str], configured: Configured) -> None:
    before, after = _before_and_after(change, configured)
    assert before.tasks["send"].contract == after.tasks["send"].contract
    assert before.hashes == after.hashes


@pytest.mark.parametrize(
    "change",
    [
        ("[tasks.send]", '[tasks.send]\ntimeout = "5s"'),
        ("[tasks.send]", '[tasks.send]\nhandler = "shop:send"'),
        ("[tasks.send]", '[queues.default]\nlease = "5s"\n[tasks.send]'),
    ],
)
def test_what_may_be_swapped_while_running(change: tuple[str, str], configured: Configured) -> None:
    before, after = _before_and_after(change, configured)
    assert before.tasks["send"].contract == after.tasks["send"].contract
    assert before.hashes.structure == after.hashes.structure
    assert before.hashes.tunables != after.hashes.tunables


@pytest.mark.parametrize(
    "change",
    [
        ("[tasks.send]", '[queues.mail]\n[tasks.send]\nqueue = "mail"'),
        ("[tasks.send]", "[queues.mail]\n[tasks.send]"),
        ("[tasks.send]", "[tasks.send]\nconcurrency = 3"),
        ("[tasks.send]", "[tasks.more]\n[tasks.send]"),
    ],
)
def test_what_the_database_must_be_changed_for(change: tuple[str, str], configured: Configured) -> None:
    before, after = _before_and_after(change, configured)
    assert before.hashes.structure != after.hashes.structure


def test_a_limit_may_be_changed_without_another_index(configured: Configured) -> None:
    three = compile_plan(configured("[tasks.send]\nconcurrency = 3\n"))
    four = compile_plan(configured("[tasks.send]\nconcurrency = 4\n"))
    assert three.hashes.structure == four.hashes.structure
    assert three.hashes.tunables != four.hashes.tunables


def test_the_database_is_carried_as_written_and_in_no_hash(configured: Configured) -> None:
    before = compile_plan(configured("[database]\n[env.prod.database]\n"))
    after = compile_plan(
        configured('[database]\nurl = "${DATABASE_URL:?set it}"\n[env.prod.database]\nurl = "${PROD_URL}"\n')
    )
    assert after.database.url == "${DATABASE_URL:?set it}"
    assert after.for_environment("prod").database.url == "${PROD_URL}"
    assert before.hashes == after.hashes == after.for_environment("prod").hashes


def _before_and_after(change: tuple[str, str], configured: Configured) -> tuple[Plan, Plan]:
    assert change[0] in TASK
    return compile_plan(configured(TASK)), compile_plan(configured(TASK.replace(*change)))
