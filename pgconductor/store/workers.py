"""The rows by which workers are known, and the heartbeat that keeps them alive."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from pgconductor.plan.model import Plan
from pgconductor.store.statements import statement


@dataclass(frozen=True)
class WorkerRegistry:
    """The workers of one process: one a queue, all kept alive by one statement.

    Args:
        connection: in autocommit mode, used by one thread at a time.
        process: a fresh id for each start of the process.
    """

    connection: Connection
    plan: Plan
    process: UUID

    def register(self, queue: str) -> int:
        """Announce a worker.

        Returns:
            Its id: what leases are held under.
        """
        settings = self.plan.queues[queue]
        values = {
            "process": self.process,
            "queue": queue,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "plan": self.plan.hashes.structure,
            "concurrency": settings.worker_concurrency,
            "lease_ms": settings.lease_ms,
        }
        row = self.connection.execute(self._text("register_worker"), values).fetchone()
        assert row is not None
        return int(row[0])

    def beat(self) -> frozenset[int]:
        """Extend the leases of all workers of this process.

        Returns:
            The workers that still exist; one that is missing was pruned and holds nothing any more.
        """
        rows = self.connection.execute(self._text("beat"), {"process": self.process}).fetchall()
        return frozenset(row[0] for row in rows)

    def mark_draining(self) -> None:
        self.connection.execute(self._text("set_draining"), {"process": self.process})

    def deregister(self) -> None:
        """Leave: what is still held, if anything, is rescued at once."""
        self.connection.execute(self._text("deregister"), {"process": self.process})

    def _text(self, verb: str) -> str:
        return statement(verb, self.plan.schema_name)
