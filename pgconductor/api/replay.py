"""Replay: the durable calls of one run, matched with what earlier runs of the execution recorded.

A handler that wakes from a sleep runs again from its first line. Each durable call finds its own record by its name,
and returns at once what it returned before; the first call without one is where the execution really is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from types import CodeType
from typing import NamedTuple

from pgconductor.errors import ReplayError
from pgconductor.store.records import Kind, Recorded, Wait

LONGEST_NAME = 200


class Place(NamedTuple):
    """A line of the handler."""

    code: CodeType
    line: int

    def __str__(self) -> str:
        return f"{os.path.relpath(self.code.co_filename)}:{self.line}"


class Replay:
    """What earlier runs recorded, what this run called, and what it parks for.

    Args:
        recorded: in the order of the calls.

    Attributes:
        waits: what this run parks for, and no run has before.
        waited: what it parks for again.
        active: steps that are under way in this run.
        suspended_at: the line whose call suspended the run.
        closed: the run has ended.
        misuse: the first call that broke the rules; the run fails with it whatever the handler makes of it.
    """

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self._recorded = {record.name: record for record in recorded}
        self._highest = max(record.position for record in self._recorded.values()) if self._recorded else 0
        self._next = self._highest + 1
        self._latest = 0
        self._called: dict[str, Place] = {}
        self._sequence: list[Recorded] = []
        self.waits: list[Wait] = []
        self.waited: list[Recorded] = []
        self.active = 0
        self.suspended_at: Place | None = None
        self.closed = False
        self.misuse: ReplayError | None = None

    def call(self, name: str, kind: Kind, place: Place, in_branch: Callable[[], bool]) -> Recorded | int:
        """What an earlier run recorded for a call, or the position of a new one.

        Args:
            in_branch: whether it is made by a task beside the handler's own, where the order of calls may vary.

        Raises:
            ReplayError: the name is no name, is used twice in this run, or belongs to a call of another kind.
        """
        self._check_name(name, place)
        if name in self._called:
            raise self.misused(
                f"{place}: the name `{name}` was used before in this run, at {self._called[name]}; give each durable "
                "call a name of its own, in a loop with its number or key"
            )
        self._called[name] = place
        record = self._recorded.get(name)
        if record is None:
            if self._highest > self._latest and not in_branch():
                return self._latest  # inserted before calls that were recorded: where the one before it is
            self._next += 1
            return self._next - 1
        if record.kind != kind:
            raise self.misused(
                f"{place}: `{name}` is {_ARTICLES[kind]} now, and was {_ARTICLES[record.kind]} when this execution ran "
                "before; give the new call a new name"
            )
        if not in_branch():
            self._sequence.append(record)
        if record.position > self._latest:
            self._latest = record.position
        return record

    def misused(self, message: str) -> ReplayError:
        """An error to be raised; the run fails with the first."""
        error = ReplayError(message)
        self.misuse = self.misuse or error
        return error

    @property
    def parked(self) -> bool:
        return bool(self.waits or self.waited)

    def changes(self) -> list[dict[str, str]]:
        """How the handler's code seems to have changed since the execution ran before: for its history.

        A run that parks has not come to what lies behind: only what it passed by has disappeared.
        """
        reached = self._latest if self.parked else self._next
        found = [
            {"step": name, "change": "disappeared"}
            for name, record in self._recorded.items()
            if name not in self._called and record.position < reached
        ]
        latest = 0
        for record in self._sequence:
            if record.position < latest:
                found.append({"step": record.name, "change": "moved"})
            latest = max(latest, record.position)
        return found

    def _check_name(self, name: str, place: Place) -> None:
        known: object = name  # people do pass what the type checker would refuse
        if not isinstance(known, str) or not known or len(known) > LONGEST_NAME or not known.isprintable():
            raise self.misused(
                f"{place}: a durable call is named by 1 to {LONGEST_NAME} printable characters, not {name!r:.80}"
            )


_ARTICLES: dict[Kind, str] = {
    "step": "a step",
    "transaction": "a transaction",
    "emit": "an emit",
    "sleep": "a sleep",
    "invoke": "an invocation",
    "map": "a map",
    "event": "a wait for an event",
}
