"""Maintenance from within a worker process: whoever finds a job due does it for all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from pgconductor.plan.model import Plan
from pgconductor.store.maintenance import Maintenance
from pgconductor.store.rounds import Rounds

if TYPE_CHECKING:
    from psycopg import Connection

logger = logging.getLogger("pgconductor")

PRUNE_EVERY_MS = 60_000
HISTORY_EVERY_MS = 3_600_000
SLOWEST_ROUND_MS = 10_000


class Upkeep:
    """Rescues lapsed work, prunes finished executions, keeps the history's partitions.

    A round comes every third of the shortest lease: what a killed worker held is claimable within two leases.
    """

    def __init__(self, url: str, plan: Plan, process: UUID, lease_ms: int) -> None:
        self._plan = plan
        self._process = process
        self._round_ms = min(lease_ms // 3, SLOWEST_ROUND_MS)
        self._rounds = Rounds("maintenance", url, self._round_ms / 1000, self._round)

    def start(self) -> None:
        self._rounds.start()

    def stop(self) -> None:
        self._rounds.stop()

    def join(self, timeout: float) -> None:
        self._rounds.join(timeout)

    def _round(self, connection: Connection) -> None:
        jobs = Maintenance(connection, self._plan.schema_name, self._process)
        # A little under the round: every round of every process would find it due otherwise, or none.
        if jobs.due("rescue", self._round_ms * 8 // 10):
            self._rescue(jobs)
        if jobs.due("history", HISTORY_EVERY_MS):
            for name in jobs.keep_history():
                logger.info("dropped the empty history partition %s", name)
        if jobs.due("prune", PRUNE_EVERY_MS):
            count = jobs.prune(lambda: self._rounds.stopping)
            if count:
                logger.info("pruned %d finished executions", count)

    def _rescue(self, jobs: Maintenance) -> None:
        for rescued in jobs.rescue():
            fate = "failed, its attempts are spent" if rescued.spent else "ready again"
            logger.warning(
                "rescued %s %s from worker %d, lost during attempt %d: %s",
                rescued.task, rescued.id, rescued.worker, rescued.attempts, fate,
            )  # fmt: skip
