"""Enqueueing by name and JSON text, as commands do, and from SQL, as anybody may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from pgconductor.errors import ValidationError
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, Email

NOON = datetime(2030, 6, 1, 12, tzinfo=UTC)


async def test_it_validates_through_the_tasks_model_and_takes_every_option(
    conductor: Conductor, backstage: Backstage
) -> None:
    name = uuid4()
    options = {"id": str(name), "priority": 7, "delay": "1h", "dedupe_key": "k", "tags": ["t"]}
    execution = await conductor.invoke_json("send_email", b'{"to": "ada"}', options)
    assert execution is not None
    assert execution.id == name
    row = backstage.row(name)
    assert (row["payload"], row["priority"], row["state"]) == ({"to": "ada", "note": None}, 7, "scheduled")
    assert (row["dedupe_key"], row["tags"]) == ("k", ["t"])
    assert await conductor.invoke_json("sweep", "{}", {"throttle": "1h"}) is not None
    assert await conductor.invoke_json("sweep", "{}", {"throttle": "1h"}) is None


@pytest.mark.parametrize(
    ("task", "payload", "message"),
    [
        ("send_mail", "{}", "no task `send_mail`; did you mean `send_email`?"),
        ("nightly", "{}", "task `nightly` cannot be invoked"),
        ("send_email", "{", "JSON"),
        ("send_email", "[]", "should be an object"),
        ("send_email", '{"too": "a"}', r"(?s)`to`: Field required.*`too`: Extra inputs are not permitted"),
        ("send_email", '{"to": "a\\u0000"}', "`to`.*NUL"),
        ("send_email", '{"to": "\\ud800"}', "Invalid JSON"),
        ("__class__", "{}", "no task `__class__`"),
    ],
)
async def test_what_is_refused_before_any_row_exists(
    conductor: Conductor, backstage: Backstage, task: str, payload: str, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        await conductor.invoke_json(task, payload, {})
    assert backstage.count() == 0


async def test_sql_takes_every_option(backstage: Backstage) -> None:
    backstage.set_clock(NOON)
    name = uuid4()
    query = (
        "select pgconductor.invoke('send_email', '{\"to\": \"ada\"}', priority => 9, delay => '1 hour',"
        " dedupe_key => 'k', tags => '{t}', id => %s)"
    )
    assert backstage.value(query, name) == name
    row = backstage.row(name)
    assert (row["priority"], row["run_at"], row["tags"]) == (9, NOON + timedelta(hours=1), ["t"])
    assert (row["queue"], row["version"], row["dedupe_key"]) == ("mail", 1, "k")


async def test_sql_and_client_share_keys_slots_and_ids(conductor: Conductor, backstage: Backstage) -> None:
    by_key = await conductor.send_email(Email(to="a"), dedupe_key="k")
    assert backstage.value("select pgconductor.invoke('send_email', dedupe_key => 'k')") == by_key.id
    assert backstage.value("select pgconductor.invoke('sweep', throttle => '1 hour')") is not None
    assert await conductor.sweep(throttle="1h") is None
    by_id = backstage.value("select pgconductor.invoke('send_email', '{\"to\": \"b\"}', id => %s)", uuid4())
    assert (await conductor.send_email(Email(to="c"), id=by_id)).id == by_id
    assert backstage.value("select pgconductor.invoke('send_email', id => %s)", by_key.id) == by_key.id
    debounced = await conductor.sweep(debounce="1h")
    assert backstage.value("select pgconductor.invoke('sweep', debounce => '1 hour')") == debounced.id


async def test_sql_ids_are_version_7_and_the_priority_is_the_tasks(backstage: Backstage) -> None:
    name = backstage.value("select pgconductor.invoke('send_email')")
    assert isinstance(name, UUID)
    assert name.version == 7
    assert backstage.row(name)["priority"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'nonsense'", 'no task with the key "nonsense"'),
        ("'sweep', '[]'", "a payload is a JSON object, not array"),
        ("'sweep', null", "a payload is a JSON object, not null"),
        ("'sweep', priority => 101", "priority must be between -100 and 100"),
        ("'sweep', delay => '-1 second'", "a delay cannot be negative"),
        ("'sweep', delay => '1 second', run_at => now()", "delay and run_at exclude each other"),
        ("'sweep', run_at => 'infinity'", "run_at must be a moment"),
        ("'sweep', throttle => '1 hour', debounce => '1 hour'", "throttle and debounce exclude each other"),
        ("'sweep', throttle => '0 seconds'", "must be longer than zero"),
        ("'sweep', debounce => '1 hour', delay => '1 hour'", "no delay, no run_at"),
    ],
)
async def test_what_sql_refuses(backstage: Backstage, arguments: str, message: str) -> None:
    with pytest.raises(psycopg.Error, match=message):
        backstage.rows(f"select pgconductor.invoke({arguments})")
    assert backstage.count() == 0
    assert backstage.rows("select * from pgconductor.keys") == []
