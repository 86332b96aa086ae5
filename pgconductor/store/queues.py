"""What an operator does to a queue: pause it, let it go on, empty it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from pgconductor.store.faults import TRANSIENT
from pgconductor.store.query import AnyConnection, Query, Rows, run_blocking
from pgconductor.store.statements import statement

# Of a purge: long transactions keep workers waiting.
BATCH = 500
_TRIES = 5


def set_paused(connection: AnyConnection, schema: str, names: Sequence[str], paused: bool) -> dict[str, bool]:
    """Pause queues or let them go on, whoever runs them. Nothing but this changes it: no apply, no restart.

    Returns:
        Whether each was paused before, by name; queues that do not exist are missing.
    """
    query = Query(statement("set_paused", schema), {"names": list(names), "paused": paused})
    return dict(run_blocking(connection, [query])[0])


@dataclass(frozen=True)
class Purge:
    """Cancels what is ready or scheduled in a queue at a moment; what runs or is parked goes on.

    Args:
        until: what was enqueued later, in the database's time, stays.
        reason: kept with each.
    """

    schema: str
    queue: str
    until: datetime
    reason: str

    def run(self, connection: AnyConnection) -> Iterator[int]:
        """Cancel batch by batch, each in a transaction of its own; how many each was."""
        # What is due moves from scheduled to ready meanwhile, and never back.
        for verb in ("purge_scheduled", "purge_ready"):
            after = UUID(int=0)
            while rows := self._batch(connection, verb, after):
                after = rows[-1][0]
                yield sum(cancelled for _, cancelled in rows)

    def left(self, connection: AnyConnection) -> int:
        """How many were held by other transactions, and still are there."""
        query = Query(statement("count_purgeable", self.schema, self.queue), {"until": self.until})
        return int(run_blocking(connection, [query])[0][0][0])

    def _batch(self, connection: AnyConnection, verb: str, after: UUID) -> Rows:
        values = {"after": after, "until": self.until, "reason": self.reason, "limit": BATCH}
        query = Query(statement(verb, self.schema, self.queue), values)
        for attempt in range(_TRIES):
            try:
                return run_blocking(connection, [query])[0]
            except psycopg.Error as error:
                if error.sqlstate not in TRANSIENT or attempt == _TRIES - 1:
                    raise
        raise AssertionError("unreachable")
