"""The rows by which workers are known: one a queue and process, all of a process kept alive by one statement."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from pgconductor.plan.model import Plan
from pgconductor.store.faults import explain
from pgconductor.store.session import open_blocking, unreachable
from pgconductor.store.statements import statement


@dataclass(frozen=True)
class WorkerRegistry:
    """The workers of one process. Each call but `beat` opens a connection for itself.

    Args:
        process: a fresh id for each start of the process.

    Raises:
        DatabaseUnreachable: from every method, when the database cannot be reached.
        DatabaseError: from every method but `beat`, when it refuses: after a failover it may be read-only.
    """

    url: str
    plan: Plan
    process: UUID

    def register(self, queue: str) -> int:
        """Announce a worker.

        Returns:
            Its id: what leases are held under.
        """
        settings = self.plan.queues[queue]
        values = {
            "queue": queue,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "plan": self.plan.hashes.structure,
            "concurrency": settings.worker_concurrency,
            "lease_ms": settings.lease_ms,
        }
        return int(self._call("register_worker", values)[0][0])

    def beat(self, connection: Connection) -> dict[int, bool]:
        """Extend the leases of all workers of this process.

        Returns:
            The workers that still exist, and of each whether its lease had lapsed before.
        """
        return dict(connection.execute(self._text("beat"), {"process": self.process}).fetchall())

    def mark_draining(self) -> None:
        """They claim no more; nobody need wake them."""
        self._call("set_draining", {})

    def set_concurrency(self, queue: str, concurrency: int) -> None:
        """The worker of a queue runs so many at a time from now on."""
        self._call("set_concurrency", {"queue": queue, "concurrency": concurrency})

    def deregister(self) -> None:
        """Leave: what is still held, if anything, is rescued at once."""
        self._call("deregister", {})

    def doubtful(self, queues: list[str], since: datetime | None) -> tuple[int, datetime]:
        """How many executions of `queues` are held by other processes that have not beaten since `since`.

        Returns:
            The count, and `since`: the database's time of the first call.
        """
        count, since = self._call("drain_check", {"queues": queues, "since": since})[0]
        return int(count), since

    def _call(self, verb: str, values: dict[str, Any]) -> list[Any]:
        with _reachable(self.url), open_blocking(self.url, "pgconductor registry") as connection:
            cursor = connection.execute(self._text(verb), {"process": self.process, **values})
            return cursor.fetchall() if cursor.description else []

    def _text(self, verb: str) -> str:
        return statement(verb, self.plan.schema_name)


@contextmanager
def _reachable(url: str) -> Iterator[None]:
    try:
        yield
    except psycopg.OperationalError as error:
        raise unreachable(url, error) from None
    except psycopg.Error as error:
        raise explain(error) from error
