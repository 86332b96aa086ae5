"""Why a handler runs, for tasks that can run for several reasons.

The generated `<Task>Event` is the union of those that a task declares: `match` with `assert_never` exhausts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from typing_extensions import TypeVar

P_co = TypeVar("P_co", covariant=True)
N_co = TypeVar("N_co", bound=str, covariant=True)


@dataclass(frozen=True, slots=True)
class Invoked(Generic[P_co]):
    """Somebody invoked the task: a client, another handler, SQL or the command line."""

    payload: P_co


@dataclass(frozen=True, slots=True)
class CronFired(Generic[N_co, P_co]):
    """A tick of one of the task's schedules.

    Attributes:
        name: of the trigger in `conductor.toml`.
        scheduled_for: the tick, which may be earlier than now; aware.
        payload: what the trigger declares.
    """

    name: N_co
    scheduled_for: datetime
    payload: P_co


@dataclass(frozen=True, slots=True)
class EventReceived(Generic[N_co, P_co]):
    """An event was emitted that the task subscribes to.

    Attributes:
        name: of the event.
        payload: the event's, or those of its fields that the trigger selects.
    """

    name: N_co
    payload: P_co


@dataclass(frozen=True, slots=True)
class RowInserted(Generic[N_co, P_co]):
    """A row was inserted.

    Attributes:
        table: "schema.table" as the trigger names it.
        new: the columns that the trigger selects.
    """

    table: N_co
    new: P_co


@dataclass(frozen=True, slots=True)
class RowUpdated(Generic[N_co, P_co]):
    """A row was updated.

    Attributes:
        table: "schema.table" as the trigger names it.
        old: the columns that the trigger selects, before.
        new: the same, after.
    """

    table: N_co
    old: P_co
    new: P_co


@dataclass(frozen=True, slots=True)
class RowDeleted(Generic[N_co, P_co]):
    """A row was deleted.

    Attributes:
        table: "schema.table" as the trigger names it.
        old: the columns that the trigger selects.
    """

    table: N_co
    old: P_co
