"""`emit`: checked before anything is written; the event's id is the data."""

from __future__ import annotations

import json
import subprocess
from uuid import UUID, uuid4

import pytest

from tests.cli.project import Shop
from tests.command import COMMAND, environment

EVENTS = """\
[events."door.opened"]
payload = { door = "int" }

[events."bell.rung"]
retention = "0s"

"""


@pytest.fixture
def doors(shop: Shop) -> Shop:
    """The shop with two events."""
    shop.edit("[tasks.greet]\n", EVENTS + "[tasks.greet]\n")
    shop.ask("generate")
    shop.ask("apply")
    return shop


def emitted(shop: Shop) -> list[tuple[str, int]]:
    return shop.rows("select id::text, (payload->>'door')::int from pgconductor.events order by id")


def test_the_id_is_all_that_goes_to_stdout(doors: Shop) -> None:
    done = doors.run("emit", "door.opened", '{"door": 7}')
    assert UUID(done.stdout.strip()).version == 7
    assert done.stderr == ""
    assert emitted(doors) == [(done.stdout.strip(), 7)]


def test_an_event_without_payload_needs_none_and_json_is_for_programs(doors: Shop) -> None:
    said = json.loads(doors.run("emit", "bell.rung", "--json").stdout)
    assert (said["event"], UUID(said["id"]).version) == ("bell.rung", 7)
    assert emitted(doors) == []


def test_the_payload_may_come_by_stdin_and_the_same_id_twice_is_one_event(doors: Shop) -> None:
    id = str(uuid4())
    for door in (1, 2):
        words = [*COMMAND, "emit", "door.opened", "-", "--id", id]
        given = json.dumps({"door": door})
        done = subprocess.run(
            words, cwd=doors.folder, env=environment(doors.env), input=given, text=True, capture_output=True, check=True
        )
        assert done.stdout == f"{id}\n"
    assert emitted(doors) == [(id, 1)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["door.opened", '{"door": "front"}'], "`door`"),
        (["door.opened", "{}"], "`door`"),
        (["door.opened", '{"door": 1, "dor": 2}'], "`dor`"),
        (["door.opened", "not json"], "JSON"),
        (["door.open", "{}"], "did you mean `door.opened`?"),
        (["bell.rung", "--id", str(UUID(int=7))], 'its retention is "0s"'),
    ],
)
def test_what_is_refused_is_named_and_nothing_is_emitted(doors: Shop, words: list[str], message: str) -> None:
    done = doors.run("emit", *words, code=1)
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert emitted(doors) == []


def test_before_apply_the_message_names_the_command(shop: Shop) -> None:
    shop.edit("[tasks.greet]\n", EVENTS + "[tasks.greet]\n")
    shop.ask("generate")
    assert "pgconductor apply" in shop.run("emit", "door.opened", '{"door": 1}', code=6).stderr
