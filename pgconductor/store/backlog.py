"""How much there is to do."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import psycopg

from pgconductor.store.session import open_blocking, unreachable
from pgconductor.store.statements import statement


class Backlog:
    """Counts the executions of some queues that are runnable now or running. Paused queues have none.

    Args:
        url: a libpq connection string; connected to at the first count, and again after a failure.
    """

    def __init__(self, url: str, schema: str, queues: Sequence[str]) -> None:
        self._url = url
        self._text = statement("count_backlog", schema)
        self._queues = list(queues)
        self._connection: psycopg.Connection | None = None

    def count(self) -> int:
        """How many there are now.

        Raises:
            DatabaseUnreachable: no connection could be made, or it was lost.
        """
        connection = self._connection or open_blocking(self._url, "pgconductor backlog")
        try:
            row = connection.execute(self._text, {"queues": self._queues}).fetchone()
        except psycopg.OperationalError as error:
            connection.close()
            self._connection = None
            raise unreachable(self._url, error) from None
        self._connection = connection
        return int(row[0]) if row else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
