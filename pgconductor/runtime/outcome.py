"""What became of an attempt, and what is to be written for it: a closed union, matched once."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, assert_never

from pgconductor.errors import Fatal, ReplayError, Retry
from pgconductor.runtime.failure import error_record, error_text, is_one
from pgconductor.runtime.policy import EVERYTHING, Policy
from pgconductor.store.records import Recorded, Wait
from pgconductor.store.settlement import Discarded, Finished, Released, Rescheduled, Settled, Suspended

if TYPE_CHECKING:
    from pgconductor.plan.model import TaskPlan


@dataclass(frozen=True, slots=True)
class Completed:
    """The handler returned; its result as JSON."""

    result: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised, or its payload or result was no good."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt took longer than the task's `timeout`."""

    limit_ms: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Someone asked it to stop, and it did."""

    reason: str


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A shutdown or a lost claim: as if it had never been claimed."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A durable call suspended the run: what it waits for, for the first time and again."""

    waits: tuple[Wait, ...]
    waited: tuple[Recorded, ...]


Outcome: TypeAlias = Completed | Failed | TimedOut | Cancelled | GivenBack | Parked


def settled(
    outcome: Outcome,
    id: bytes,
    lease: int,
    attempt: int,
    task: TaskPlan,
    draw: Callable[[], float] = random.random,
    *,
    policy: Policy = EVERYTHING,
    is_child: bool = False,
    traced: bool = False,
) -> Settled:
    """What to write for an outcome, by the task's retry policy and retention.

    Args:
        attempt: 1 for the first.
        draw: uniform in [0, 1), for jitter.
        policy: which exceptions are worth another attempt.
        is_child: its parent waits for it, and will ask how it ended: its record is kept until then.
        traced: it may have left steps, history or progress, to be forgotten with it.
    """
    match outcome:
        case Completed():  # without its fields, which cost 0.4 us to match
            if task.retention.completed_ms == 0 and not is_child:
                return Discarded(id, lease, traced)
            return Finished(id, lease, "completed", outcome.result, None)
        case Failed(error):
            return _failed(error, id, lease, attempt, task, draw, policy, is_child)
        case TimedOut(limit_ms):
            error = TimeoutError(f"the attempt took longer than its timeout of {limit_ms} ms")
            return _failed(error, id, lease, attempt, task, draw, policy, is_child)
        case Cancelled(reason):
            return Finished(id, lease, "cancelled", None, error_text("Cancelled", reason))
        case GivenBack():
            return Released(id, lease)
        case Parked(waits, waited):
            return Suspended(id, lease, attempt, waits, waited)
        case _:
            assert_never(outcome)


def retry_delay(task: TaskPlan, attempt: int, draw: Callable[[], float]) -> int:
    """Milliseconds until the attempt after `attempt`: the schedule's entry, its last one repeating, with jitter."""
    delays = task.retry.delays_ms
    if not delays:
        return 0
    delay = delays[min(attempt, len(delays)) - 1]
    return round(delay * (1 + task.retry.jitter * (2 * draw() - 1)))


def _failed(
    error: BaseException,
    id: bytes,
    lease: int,
    attempt: int,
    task: TaskPlan,
    draw: Callable[[], float],
    policy: Policy,
    is_child: bool,
) -> Settled:
    last = task.retry.max_attempts is not None and attempt >= task.retry.max_attempts
    if not last and not is_one(error, _FINAL) and (is_one(error, _ALWAYS) or not policy.gives_up(error)):
        # A subclass may have a constructor of its own, and leave the delay out.
        chosen: int | None = getattr(error, "delay_ms", None) if isinstance(error, Retry) else None
        delay = retry_delay(task, attempt, draw) if chosen is None else chosen
        return Rescheduled(id, lease, delay, error_record(error))
    if task.retention.failed_ms == 0 and not is_child:
        return Discarded(id, lease, True)
    return Finished(id, lease, "failed", None, error_record(error))


class UnreadablePayload(Exception):
    """A stored payload does not fit the task's model: no attempt can succeed, so none is made."""


class ProcessDied(RuntimeError):
    """The process that a handler ran in ended under it. As with the crash of a worker, the attempt is what it costs."""


_FINAL = (Fatal, ReplayError, UnreadablePayload)
# Whatever the task's policy says: the handler's own choice, and what is nobody's.
_ALWAYS = (Retry, ProcessDied)
