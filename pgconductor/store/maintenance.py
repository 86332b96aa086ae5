"""Upkeep of the whole schema, done by whichever process takes the job when it is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection, sql
from psycopg.rows import namedtuple_row

from pgconductor.store.statements import statement

HISTORY_DAYS = 14
PRUNE_BATCH = 1000
# A dropped partition locks all of `finished` for an instant; behind a long query it would queue every settle.
DROP_LOCK_TIMEOUT = "200ms"


@dataclass(frozen=True)
class Rescued:
    """An execution that a lapsed worker held; `spent`: its attempts are used up, it ended failed."""

    id: Any
    task: str
    queue: str
    attempts: int
    worker: int
    spent: bool


class Maintenance:
    """The jobs, each in small batches.

    Args:
        connection: in autocommit mode, used by one thread.
        process: who does them.
    """

    def __init__(self, connection: Connection, schema: str, process: UUID) -> None:
        self._connection = connection
        self._schema = schema
        self._process = process

    def due(self, job: str, every_ms: int) -> bool:
        """Take `job` if nobody did it within `every_ms`."""
        return bool(self._rows("lead", {"job": job, "every_ms": every_ms}))

    def rescue(self) -> list[Rescued]:
        """Make ready, or fail, what lapsed workers held."""
        return [Rescued(**row._asdict()) for row in self._rows("rescue", {})]

    def prune(self, stopping: Callable[[], bool]) -> int:
        """Delete finished executions past their retention, then keys and workers that mean nothing any more.

        Returns:
            How many executions were deleted.
        """
        total = 0
        while not stopping():
            deleted = self._rows("prune_finished", {"limit": PRUNE_BATCH})[0].count
            total += deleted
            if deleted == 0:
                break
        self._run("prune_keys", {"limit": PRUNE_BATCH})
        self._run("prune_events", {"limit": PRUNE_BATCH})
        self._run("prune_workers", {"process": self._process})
        return total

    def keep_history(self) -> list[str]:
        """Create the coming days' partitions of `finished`, drop past ones that are empty.

        Returns:
            The names of the dropped partitions.
        """
        self._connection.execute(
            sql.SQL("select {}(%s)").format(sql.Identifier(self._schema, "create_history")), (HISTORY_DAYS,)
        )
        return [name for name in self._past_partitions() if self._drop_if_empty(name)]

    def _past_partitions(self) -> list[str]:
        rows = self._connection.execute(
            "select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'r'"
            " and relname ~ '^finished_[0-9]{8}$' order by relname",
            (sql.Identifier(self._schema).as_string(None),),
        ).fetchall()
        today = self._connection.execute(
            sql.SQL("select ({}() at time zone 'UTC')::date").format(sql.Identifier(self._schema, "clock"))
        ).fetchone()
        assert today is not None
        newest: date = today[0] - timedelta(days=2)
        return [name for (name,) in rows if name < f"finished_{newest:%Y%m%d}"]

    def _drop_if_empty(self, name: str) -> bool:
        table = sql.Identifier(self._schema, name)
        try:
            with self._connection.transaction():
                self._connection.execute(sql.SQL("set local lock_timeout = {}").format(DROP_LOCK_TIMEOUT))
                self._connection.execute(sql.SQL("lock table {} in share row exclusive mode").format(table))
                row = self._connection.execute(sql.SQL("select exists (select from {})").format(table)).fetchone()
                if row is None or row[0]:
                    return False
                self._connection.execute(sql.SQL("drop table {}").format(table))
        except psycopg.errors.LockNotAvailable:
            return False  # somebody reads; the next round tries again
        return True

    def _rows(self, verb: str, values: dict[str, Any]) -> list[Any]:
        cursor = self._connection.cursor(row_factory=namedtuple_row)
        return cursor.execute(statement(verb, self._schema), values).fetchall()

    def _run(self, verb: str, values: dict[str, Any]) -> None:
        self._connection.execute(statement(verb, self._schema), values)
