"""Law: a statement replayed after a lost reply changes nothing twice. Each that clients send, executed twice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from pgconductor.store.enqueue import EnqueueRequest, Item, Terms
from pgconductor.store.executions import cancel_matching_query, cancel_query
from pgconductor.store.query import Query, run_blocking
from pgconductor.store.uuid7 import uuid7_bytes
from tests.client.backstage import Backstage

UUID_MIN = UUID(int=0)
PLAIN = Terms("latest", "default", 1, 0)


def items(*terms: Terms, supplied: bool = False) -> list[Item]:
    ids = uuid7_bytes(len(terms))
    return [Item(execution_id, b'{"number":1}', each, supplied) for execution_id, each in zip(ids, terms, strict=True)]


def snapshot(backstage: Backstage) -> list[dict[str, Any]]:
    return backstage.rows() + backstage.rows("select * from pgconductor.keys order by task, kind, key")


GUARDED = {
    "supplied": items(PLAIN, PLAIN._replace(delay_ms=60_000), supplied=True),
    "keyed": items(
        PLAIN._replace(key="a"), PLAIN._replace(task="active", key="b"), PLAIN._replace(task="daily", key="c")
    ),
    "throttled": items(PLAIN._replace(throttle_ms=3_600_000), PLAIN._replace(throttle_ms=3_600_000, key="k")),
    "debounced": items(PLAIN._replace(debounce_ms=3_600_000)),
    "plain": items(PLAIN, PLAIN),
    "mixed": items(PLAIN, PLAIN._replace(priority=5), PLAIN._replace(delay_ms=60_000)),
}


@pytest.mark.parametrize("name", GUARDED)
def test_an_enqueue_that_is_sent_again(backstage: Backstage, shop: str, name: str) -> None:
    first = EnqueueRequest("pgconductor", GUARDED[name])
    again = EnqueueRequest("pgconductor", GUARDED[name], again=True)
    with Connection.connect(shop, autocommit=True) as connection:
        ids = first.ids(run_blocking(connection, first.queries))
        before = snapshot(backstage)
        for _ in range(2):
            assert again.ids(run_blocking(connection, again.queries)) == ids
            assert snapshot(backstage) == before


@pytest.mark.parametrize("name", ["plain", "mixed"])
def test_a_plain_insert_that_is_executed_again_is_refused_as_a_whole(
    backstage: Backstage, shop: str, name: str
) -> None:
    """The client never does it: an execution that has moved on would not be seen. It sends the guarded form."""
    request = EnqueueRequest("pgconductor", GUARDED[name])
    with Connection.connect(shop, autocommit=True) as connection:
        run_blocking(connection, request.queries)
        before = snapshot(backstage)
        with pytest.raises(psycopg.errors.UniqueViolation):
            run_blocking(connection, request.queries)
    assert snapshot(backstage) == before


def cancels(execution_id: bytes) -> dict[str, Query]:
    return {
        "cancel": cancel_query("pgconductor", execution_id, "why"),
        "cancel_matching": cancel_matching_query(
            "pgconductor", task="latest", queue=None, tag=None, reason="why", after=UUID_MIN, limit=10
        ),
    }


@pytest.mark.parametrize("name", ["cancel", "cancel_matching"])
def test_a_cancel_that_is_executed_again(backstage: Backstage, shop: str, name: str) -> None:
    request = EnqueueRequest("pgconductor", GUARDED["plain"])
    with Connection.connect(shop, autocommit=True) as connection:
        run_blocking(connection, request.queries)
        query = cancels(GUARDED["plain"][0].id)[name]
        run_blocking(connection, [query])
        before = snapshot(backstage)
        assert before[0]["state"] == "cancelled"
        run_blocking(connection, [query])
    assert snapshot(backstage) == before
