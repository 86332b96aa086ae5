"""Executions in the order in which they end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pgconductor.store.executions import ExecutionRow
from pgconductor.store.history import read_history
from pgconductor.store.query import AnyConnection, Query, run_blocking
from pgconductor.store.statements import statement

BATCH = 1000
# A row's `finished_at` is older than its commit: so much of what was seen is read again.
OVERLAP = timedelta(seconds=2)
_NOBODY = UUID(int=0)


class Ends:
    """Follows the ends of executions that pass all filters.

    Args:
        since: the database's time from which on they are new.
        task: a task's key.
        state: "completed", "failed" or "cancelled".
    """

    def __init__(
        self,
        schema: str,
        since: datetime,
        *,
        task: str | None = None,
        queue: str | None = None,
        state: str | None = None,
    ) -> None:
        self._schema = schema
        self._since = since
        self._latest = since
        self._filters = {"task": task, "queue": queue, "state": state}
        self._seen: dict[UUID, datetime] = {}

    def last(self, connection: AnyConnection, limit: int) -> list[ExecutionRow]:
        """The last that ended before, of today's and yesterday's newest; in order."""
        found: list[ExecutionRow] = []
        for partition in read_history(connection, self._schema, self._since - timedelta(days=1)):
            text = statement("find_last_ended", self._schema, history=partition.name)
            values = {**self._filters, "from_page": partition.first_page, "limit": limit}
            found += [ExecutionRow(*row) for row in run_blocking(connection, [Query(text, values)])[0]]
        found = sorted(found, key=lambda row: (row.finished_at, row.id))[-limit:] if limit else []
        self._remember(found)
        return found

    def new(self, connection: AnyConnection) -> Iterator[ExecutionRow]:
        """Those that ended since the last call."""
        horizon = max(self._since, self._latest - OVERLAP)
        self._seen = {id: ended for id, ended in self._seen.items() if ended >= horizon}
        place: tuple[datetime, UUID] = (horizon, _NOBODY)
        while True:
            batch = self._after(connection, *place)
            fresh = [row for row in batch if row.id not in self._seen]
            self._remember(fresh)
            yield from fresh
            if len(batch) < BATCH:
                return
            assert batch[-1].finished_at is not None
            place = (batch[-1].finished_at, batch[-1].id)

    def _after(self, connection: AnyConnection, since: datetime, after: UUID) -> list[ExecutionRow]:
        values: dict[str, Any] = {**self._filters, "since": since, "after": after, "limit": BATCH}
        return [
            ExecutionRow(*row)
            for row in run_blocking(connection, [Query(statement("find_ended", self._schema), values)])[0]
        ]

    def _remember(self, rows: list[ExecutionRow]) -> None:
        for row in rows:
            assert row.finished_at is not None
            self._seen[row.id] = row.finished_at
            self._latest = max(self._latest, row.finished_at)
