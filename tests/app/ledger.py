"""What handlers did, written by themselves: one row a start, completed by its end.

The judge of everything that crashes: the engine's tables say what was promised, the ledger what happened.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg

from pgconductor.api.context import Context

DSN = "LEDGER_DSN"

TABLE = """
    create table ledger (
        execution_id uuid        not null,
        attempt      integer     not null,
        pid          integer     not null,
        started_at   timestamptz not null,
        ended_at     timestamptz
    );
    create index on ledger (execution_id);
"""
START = """
    insert into ledger (execution_id, attempt, pid, started_at)
    values (%(id)s, %(attempt)s, %(pid)s, to_timestamp(%(now)s))
"""
END = """
    update ledger set ended_at = to_timestamp(%(now)s)
    where (execution_id, attempt, pid) = (%(id)s, %(attempt)s, %(pid)s)
"""


class _Connection:
    """One for all async handlers of a process, opened anew when it was lost."""

    def __init__(self) -> None:
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()

    async def write(self, statement: str, entry: dict[str, Any]) -> None:
        async with self._lock:
            try:
                if self._connection is None:
                    self._connection = await psycopg.AsyncConnection.connect(os.environ[DSN], autocommit=True)
                await self._connection.execute(statement, entry)  # type: ignore[arg-type]
            except BaseException:
                lost, self._connection = self._connection, None
                if lost is not None:
                    await lost.close()
                raise


_connection = _Connection()


@asynccontextmanager
async def record(ctx: Context[Any]) -> AsyncIterator[None]:
    """A row for the block: its end is written unless it raises."""
    await _connection.write(START, _entry(ctx))
    yield
    await _connection.write(END, _entry(ctx))


@contextmanager
def record_blocking(ctx: Context[Any]) -> Iterator[None]:
    started = _entry(ctx)
    with psycopg.connect(os.environ[DSN], autocommit=True) as connection:
        connection.execute(START, started)
        yield
        connection.execute(END, _entry(ctx))


def _entry(ctx: Context[Any]) -> dict[str, Any]:
    """What happens now: noted before anything is sent, since a process can be frozen at any point on the way.

    The time is this process's, on the machine that the server of the tests runs on too.
    """
    return {"id": ctx.execution_id, "attempt": ctx.attempt, "pid": os.getpid(), "now": time.time()}
