"""The partitions of `finished`, and how to read their newest pages without the rest."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pgconductor.store.query import AnyConnection, Query, run_blocking
from pgconductor.store.statements import statement

# 16 MB: some 50,000 executions.
MOST_PAGES = 2048


class Partition(NamedTuple):
    """A day of `finished`.

    Attributes:
        reused: rows are pruned within the day, and new ones take their place: the last pages are not the newest.
    """

    name: str
    pages: int
    reused: bool

    @property
    def first_page(self) -> str:
        """Where its newest pages begin, as a ctid."""
        return f"({max(0, self.pages - MOST_PAGES)},0)"


def read_history(connection: AnyConnection, schema: str, since: datetime) -> list[Partition]:
    """The partitions that the time since a moment lies in, the newest first."""
    query = Query(statement("read_history", schema), {"since": since})
    return [Partition(*row) for row in run_blocking(connection, [query])[0]]
