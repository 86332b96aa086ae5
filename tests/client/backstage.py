"""What tests do behind a conductor's back: look at rows, play the worker, turn the clock."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg
from psycopg.rows import dict_row


class Backstage:
    """A connection to the shop's database, in autocommit mode."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True, row_factory=dict_row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.connection.close()

    def rows(
        self, query: str = "select * from pgconductor.executions order by id", *values: Any
    ) -> list[dict[str, Any]]:
        return self.connection.execute(query, values or None).fetchall()

    def value(self, query: str, *values: Any) -> Any:
        return next(iter(self.rows(query, *values)[0].values()))

    def row(self, execution_id: UUID) -> dict[str, Any]:
        (row,) = self.rows("select * from pgconductor.executions where id = %s", execution_id)
        return row

    def count(self) -> int:
        return int(self.value("select count(*) from pgconductor.executions"))

    def start(self, execution_id: UUID) -> None:
        """As a worker's claim does."""
        self.rows(
            "with gone as (delete from pgconductor.ready where id = %s returning *)"
            " insert into pgconductor.running (id, run_at, created_at, attempts, priority, version, queue, task,"
            " payload, tags, dedupe_key, worker, lease, started_at)"
            " select id, run_at, created_at, attempts + 1, priority, version, queue, task,"
            " payload, tags, dedupe_key, 1, 1, pgconductor.clock() from gone returning id",
            execution_id,
        )

    def finish(
        self, execution_id: UUID, result: str | None = None, state: str = "completed", error: str | None = None
    ) -> None:
        """As a worker's settling does."""
        self.rows(
            "with gone as (delete from pgconductor.running where id = %s returning *)"
            " insert into pgconductor.finished (id, run_at, created_at, started_at, finished_at, attempts, priority,"
            " version, state, queue, task, payload, result, error, tags, dedupe_key, worker)"
            " select id, run_at, created_at, started_at, pgconductor.clock(), attempts, priority, version, %s, queue,"
            " task, payload, %s::json, %s::json, tags, dedupe_key, worker from gone returning id",
            execution_id,
            state,
            result,
            error,
        )

    def run(self, execution_id: UUID, result: str | None = None) -> None:
        """Start and complete."""
        self.start(execution_id)
        self.finish(execution_id, result)

    def forget(self, execution_id: UUID) -> None:
        """Start, complete and keep nothing."""
        self.start(execution_id)
        self.connection.execute("delete from pgconductor.running where id = %s", (execution_id,))

    def promote(self) -> None:
        """As a worker's poll does with what is due."""
        self.connection.execute(
            "with due as (delete from pgconductor.scheduled where run_at <= pgconductor.clock() returning *)"
            " insert into pgconductor.ready select * from due"
        )

    def set_clock(self, moment: datetime) -> None:
        """Stop the database's clock at a moment."""
        self.connection.execute(
            "create or replace function pgconductor.clock() returns timestamptz language sql volatile parallel safe"
            f" return timestamptz '{moment.isoformat()}'"
        )
        self.connection.execute("select pgconductor.create_history(1)")

    def poison(self, number: int) -> None:
        """Let the server refuse every row whose payload has this number."""
        self.connection.execute(
            "create function refuse() returns trigger language plpgsql as $$ begin"
            f" if (new.payload->>'number')::int = {number} then raise exception 'poisoned'; end if; return new; end $$;"
            " create trigger poison before insert on pgconductor.ready for each row execute function refuse()"
        )
