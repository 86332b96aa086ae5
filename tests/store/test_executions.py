"""Executions as commands list and show them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from pgconductor.store.apply import apply
from pgconductor.store.executions import ExecutionRow, find, get
from pgconductor.store.statements import statement
from tests.client.shop import shop_plan

INVOKE = "select pgconductor.invoke(%s, %s, tags => '{t}', run_at => %s)"


@pytest.fixture
def connection(database: str, tmp_path: Path) -> Iterator[Connection]:
    apply(database, shop_plan(tmp_path))
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


def invoke(connection: Connection, task: str, payload: str = "{}", run_at: datetime | None = None) -> UUID:
    row = connection.execute(INVOKE, (task, payload, run_at)).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_one_is_shown_with_all_there_is_to_know(connection: Connection) -> None:
    name = invoke(connection, "send_email", '{"to": "ada"}')
    found = get(connection, "pgconductor", name)
    assert isinstance(found, ExecutionRow)
    assert (found.id, found.task, found.queue, found.state) == (name, "send_email", "mail", "ready")
    assert (found.priority, found.attempts, found.version, found.tags) == (3, 0, 1, ["t"])
    assert (found.payload, found.result, found.error, found.worker) == ({"to": "ada"}, None, None, None)
    assert abs(found.run_at - found.created_at) < timedelta(seconds=1)
    assert found.started_at is None
    connection.execute("select pgconductor.cancel(%s, 'why')", (name,))
    ended = get(connection, "pgconductor", name)
    assert ended is not None
    assert (ended.state, ended.error) == ("cancelled", {"type": "Cancelled", "message": "why"})
    assert ended.finished_at is not None


def test_there_may_be_none(connection: Connection) -> None:
    assert get(connection, "pgconductor", uuid4()) is None
    assert find(connection, "pgconductor") == []


def test_they_are_listed_newest_first_in_pages(connection: Connection) -> None:
    names = [invoke(connection, task) for task in ("sweep", "send_email", "sweep", "latest", "sweep")]
    connection.execute("select pgconductor.cancel(%s)", (names[2],))
    names.sort(reverse=True)
    first = find(connection, "pgconductor", limit=2)
    second = find(connection, "pgconductor", limit=2, before=first[-1].id)
    third = find(connection, "pgconductor", limit=2, before=second[-1].id)
    assert [row.id for row in first + second + third] == names


def test_filters_hold_together(connection: Connection) -> None:
    names = [invoke(connection, task) for task in ("sweep", "send_email", "sweep", "latest")]
    connection.execute("select pgconductor.cancel(%s)", (names[2],))
    assert {row.id for row in find(connection, "pgconductor", task="sweep")} == {names[0], names[2]}
    assert [row.id for row in find(connection, "pgconductor", task="sweep", state="cancelled")] == [names[2]]
    assert {row.id for row in find(connection, "pgconductor", queue="default", state="ready")} == {names[0], names[3]}
    assert find(connection, "pgconductor", queue="mail", state="running") == []


def test_a_page_is_read_from_the_indexes_however_many_rows_there_are(connection: Connection) -> None:
    connection.execute(
        "insert into pgconductor.finished (id, run_at, created_at, finished_at, attempts, priority, version, state,"
        " queue, task, payload)"
        " select gen_random_uuid(), now(), now(), now(), 1, 0, 1, 'completed', 'default', 'sweep', '{}'"
        " from generate_series(1, 20000)"
    )
    connection.execute("analyze pgconductor.finished")
    filters = {"before": None, "task": None, "queue": None, "tag": None, "state": None, "limit": 50}
    text = "explain " + statement("list_executions", "pgconductor")
    plan = "\n".join(row[0] for row in psycopg.ClientCursor(connection).execute(text, filters))
    assert "Merge Append" in plan
    assert "Seq Scan" not in plan
    assert "Sort  (" not in plan
