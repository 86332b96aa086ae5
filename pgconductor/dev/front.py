"""What a dev session shows, and whom it shows it to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pgconductor.errors import ConductorError


class Front(Protocol):
    """Who shows a session to a person. Log records, the session's own included, go through `logging`."""

    def problem(self, error: ConductorError) -> None:
        """Something is wrong with the project: an error of several lines."""

    def trace(self, text: str) -> None:
        """The traceback of what the project's code raised."""

    def line(self, text: str, is_error: bool) -> None:
        """A worker process printed a line, to stderr if `is_error`."""


@dataclass(frozen=True)
class Status:
    """A session at a moment.

    Attributes:
        note: what it is about: "serving", "paused", "starting", "stopping", or what keeps it from serving.
        plan: the first letters of the plan's hash; empty before the first.
        generation: the number of the current one; 0 before the first.
        queues: what runs, and how much may, by queue.
        totals: how many executions ended how since the session began.
    """

    application: str
    note: str
    plan: str
    generation: int
    queues: Mapping[str, tuple[int, int]]
    totals: Mapping[str, int]
