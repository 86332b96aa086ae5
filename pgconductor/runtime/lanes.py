"""Which lanes of a queue are worth a claim now.

A lane that gave less than it was asked for is empty or saturated, and is left alone until there is a reason to ask
again: a wake-up, the end of one of its executions here, or a look that finds rows in it a poll interval later. So a
saturated lane costs the others one claim a poll interval.
"""

from __future__ import annotations

from collections.abc import Iterable

from pgconductor.plan.model import Lane


class Lanes:
    """The lanes of a queue, by position."""

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self.all = tuple(lanes)
        self._positions = {lane.task: position for position, lane in enumerate(self.all)}
        self._hot: set[int] = set(range(len(self.all)))
        self._rests_until = [0.0] * len(self.all)
        self._next = 0

    def retune(self, lanes: Iterable[Lane]) -> None:
        """The same lanes with other limits."""
        self.all = tuple(lanes)
        self.wake()

    @property
    def any_hot(self) -> bool:
        return bool(self._hot)

    def take(self) -> tuple[int, Lane]:
        """The next lane to claim from, in turn."""
        while self._next % len(self.all) not in self._hot:
            self._next += 1
        position = self._next % len(self.all)
        self._next += 1
        return position, self.all[position]

    def came_short(self, position: int, rests_until: float) -> None:
        """A claim gave less than it was asked for."""
        self._hot.discard(position)
        self._rests_until[position] = rests_until

    def found_ready(self, positions: Iterable[int], now: float) -> None:
        """A look found rows in these lanes."""
        self._hot.update(position for position in positions if self._rests_until[position] <= now)

    def end_rests(self) -> None:
        """There is something new: whatever came short may have had nothing to give."""
        self._rests_until = [0.0] * len(self.all)

    def wake(self) -> None:
        """Something was enqueued: any lane may have it."""
        self._hot.update(range(len(self.all)))

    def slot_freed(self, task: str) -> None:
        """An execution of a limited task ended here, and its slot is free."""
        self._hot.add(self._positions[task])
