"""The database as a test sees it: what it puts in, and what became of that."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, scalar_row

from pgconductor.store.enqueue import EnqueueRequest, Item, Terms
from pgconductor.store.maintenance import Maintenance, Rescued
from pgconductor.store.query import run_blocking
from pgconductor.store.uuid7 import uuid7_bytes
from tests.plans import SCHEMA

STATES = ("scheduled", "ready", "running", "waiting", "finished")


class Observer:
    """One blocking connection in autocommit mode, and the questions that every test asks.

    Attributes:
        connection: for the questions that only one test asks.
    """

    def __init__(self, dsn: str, schema: str = SCHEMA) -> None:
        self.dsn = dsn
        self.schema = schema
        self.connection: psycopg.Connection[Any] = psycopg.connect(dsn, autocommit=True)

    def enqueue(
        self, task: str, payload: dict[str, Any] | str | None = None, *, count: int = 1, **terms: Any
    ) -> list[UUID]:
        """Enqueue `count` executions alike, as the client does.

        Args:
            payload: an object, or JSON text as it is to be stored.
            terms: fields of `Terms` other than the task.
        """
        text = payload if isinstance(payload, str) else json.dumps(payload or {})
        resolved = Terms(**{"task": task, "queue": "default", "version": 1, "priority": 0, **terms})
        items = [Item(id, text.encode(), resolved) for id in uuid7_bytes(count)]
        run_blocking(self.connection, EnqueueRequest(self.schema, items).queries)
        return [UUID(bytes=item.id) for item in items]

    def one(self, task: str, payload: dict[str, Any] | str | None = None, **terms: Any) -> UUID:
        """Enqueue one execution."""
        return self.enqueue(task, payload, **terms)[0]

    def cancel(self, id: UUID, reason: str = "no longer wanted") -> bool:
        return bool(self.value("select {}.cancel(%s, %s)", id, reason))

    def retry(self, id: UUID, from_step: str | None = None) -> bool:
        return bool(self.value("select {}.retry(%s, %s)", id, from_step))

    def row(self, id: UUID) -> dict[str, Any]:
        """The one row of an execution."""
        (found,) = self.rows("select * from {}.executions where id = %s", id)
        return found

    def state(self, id: UUID) -> str | None:
        """The execution's state; None if there is no row of it."""
        found = self.rows("select state from {}.executions where id = %s", id)
        assert len(found) <= 1, f"{id} is in {[row['state'] for row in found]}"
        return found[0]["state"] if found else None

    def counts(self) -> dict[str, int]:
        """How many executions there are in each state that has any."""
        rows = self.rows("select state, count(*) as n from {}.executions group by state")
        return {row["state"]: row["n"] for row in rows}

    def error(self, id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = self.row(id)["error"]
        return found

    def assert_one_row_each(self, ids: Iterable[UUID]) -> None:
        """Every execution is one row in exactly one table."""
        rows = Counter(row["id"] for row in self.rows("select id from {}.executions"))
        assert {id: rows[id] for id in ids if rows[id] != 1} == {}
        assert max(rows.values(), default=1) == 1

    def assert_nothing_held(self) -> None:
        """No running row, no slot, no worker and no advisory lock is left."""
        assert self.rows("select id, task, worker from {}.running") == []
        assert self.rows("select id, queue, process from {}.workers") == []
        locks = (
            "select l.locktype, l.mode from pg_locks as l join pg_database as d on d.oid = l.database"
            " where l.locktype = 'advisory' and d.datname = current_database()"
        )
        assert self.rows(locks) == []

    def expire(self, *workers: int) -> None:
        """Let the leases of workers lapse now."""
        self.run("update {}.workers set expires_at = {}.clock() where id = any (%s)", list(workers))

    def rescue(self) -> list[Rescued]:
        """What maintenance does about lapsed workers."""
        return Maintenance(self.connection, self.schema, uuid4()).rescue()

    def prune(self) -> int:
        """What maintenance does about executions whose retention has passed."""
        return Maintenance(self.connection, self.schema, uuid4()).prune(lambda: False)

    def move_clock(self, seconds: float) -> None:
        """Set the schema's clock so far from the server's, from now on. Partitions of the history follow."""
        self.connection.execute(
            sql.SQL(
                "create or replace function {}.clock() returns timestamptz language sql volatile parallel safe"
                " return clock_timestamp() + {}"
            ).format(sql.Identifier(self.schema), sql.Literal(timedelta(seconds=seconds)))
        )
        self.value("select {}.create_history(1)")

    def wait_until(self, done: Callable[[], bool], seconds: float = 10.0) -> float:
        """Look every few milliseconds until `done`. Returns how long it took."""
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < seconds, f"not within {seconds} s; now {self.counts()}"
            time.sleep(0.01)
        return time.monotonic() - began

    def wait_for(self, id: UUID, *states: str, seconds: float = 10.0) -> dict[str, Any]:
        """Wait until the execution is in one of `states`. Returns its row."""
        self.wait_until(lambda: self.state(id) in states, seconds)
        return self.row(id)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of a query; `{}` in it is the schema."""
        cursor = self.connection.cursor(row_factory=dict_row)
        return cursor.execute(self._text(query), values or None).fetchall()

    def value(self, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        cursor = self.connection.cursor(row_factory=scalar_row)
        return cursor.execute(self._text(query), values or None).fetchone()

    def run(self, query: str, *values: Any) -> int:
        """How many rows a statement changed."""
        return self.connection.execute(self._text(query), values or None).rowcount

    def snapshot(self) -> dict[str, Sequence[Any]]:
        """Everything the executions' tables hold: equal before and after what changes nothing."""
        tables = (*STATES, "keys", "tasks", "queues")
        return {
            table: self.connection.execute(
                sql.SQL("select to_jsonb(t) from {} as t order by 1").format(sql.Identifier(self.schema, table))
            ).fetchall()
            for table in tables
        }

    def _text(self, query: str) -> sql.Composed:
        return sql.SQL(query).format(*[sql.Identifier(self.schema)] * query.count("{}"))  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
