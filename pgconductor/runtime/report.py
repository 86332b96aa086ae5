"""What a worker says of its work: counters for `info()` and the terminal, one log line an event."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from pgconductor.runtime.failure import clean, kind_of, message_of
from pgconductor.runtime.outcome import Cancelled, Completed, Failed, GivenBack, Outcome, Parked, TimedOut
from pgconductor.store.settlement import Discarded, Finished, Rescheduled, Settled

if TYPE_CHECKING:
    from pgconductor.runtime.attempt import Attempt

logger = logging.getLogger("pgconductor.executions")


@dataclass
class Report:
    """Counts of one queue since the worker started."""

    queue: str
    completed: int = 0
    failed: int = 0
    retried: int = 0
    cancelled: int = 0
    released: int = 0
    parked: int = 0
    lost: int = 0

    def ended(self, attempt: Attempt, outcome: Outcome, settled: Settled, seconds: float) -> None:
        """Count an attempt, and log it. A completed one is worth a line only where INFO is wanted."""
        if type(outcome) is Completed:
            self.completed += 1
            if logger.isEnabledFor(logging.INFO):
                self._log(logging.INFO, "completed", attempt, seconds)
        elif isinstance(outcome, Parked):
            self.parked += 1
            if logger.isEnabledFor(logging.INFO):
                names = [wait.name for wait in outcome.waits] + [record.name for record in outcome.waited]
                self._log(logging.INFO, "parked", attempt, seconds, ", ".join(names[:3]))
        elif isinstance(outcome, GivenBack):
            self.released += 1
            self._log(logging.INFO, "released", attempt, seconds)
        elif isinstance(outcome, Cancelled):
            self.cancelled += 1
            self._log(logging.INFO, "cancelled", attempt, seconds, outcome.reason)
        elif isinstance(settled, Rescheduled):
            self.retried += 1
            reason = f"{_reason(outcome)}; again in {settled.delay_ms / 1000:g} s"
            self._log(logging.WARNING, "retrying", attempt, seconds, reason, _error(outcome))
        else:
            self.failed += 1
            self._log(logging.ERROR, "failed", attempt, seconds, _reason(outcome), _error(outcome))

    def unwritable(self, outcome: Settled, error: Exception) -> None:
        """The database refused what was to be written: the execution ends failed."""
        if isinstance(outcome, Discarded) or (isinstance(outcome, Finished) and outcome.state == "completed"):
            self.completed -= 1
            self.failed += 1
        logger.error("queue %s: the outcome of %s could not be stored: %s", self.queue, UUID(bytes=outcome.id), error)

    def not_owned(self, ids: list[bytes]) -> None:
        """Outcomes that were not written: the lease had lapsed and the executions are somebody else's."""
        self.lost += len(ids)
        shown = ", ".join(str(UUID(bytes=id)) for id in ids[:3])
        logger.warning("queue %s: %d outcomes dropped, their leases had lapsed: %s", self.queue, len(ids), shown)

    def _log(
        self,
        level: int,
        event: str,
        attempt: Attempt,
        seconds: float,
        reason: str = "",
        error: BaseException | None = None,
    ) -> None:
        execution_id = UUID(bytes=attempt.id)
        key = attempt.handler.plan.key
        text = "%s %s %s attempt %d in %.1f ms" + (": %s" if reason else "")
        values = [event, key, execution_id, attempt.number, seconds * 1000, *([reason] if reason else [])]
        fields = {
            "event": event,
            "task": key,
            "queue": self.queue,
            "execution_id": str(execution_id),
            "attempt": attempt.number,
            "duration_ms": round(seconds * 1000, 1),
        }
        # Not as `exc_info`, which every handler would write out: it is for those that know how to be brief.
        logger.log(level, text, *values, extra={"pgconductor": fields, "failure": error})


def _reason(outcome: Outcome) -> str:
    if isinstance(outcome, TimedOut):
        return f"timed out after {outcome.limit_ms / 1000:g} s"
    assert isinstance(outcome, Failed)
    message = clean(message_of(outcome.error), 500)
    return f"{kind_of(outcome.error)}: {message}" if message else kind_of(outcome.error)


def _error(outcome: Outcome) -> BaseException | None:
    return outcome.error if isinstance(outcome, Failed) else None
