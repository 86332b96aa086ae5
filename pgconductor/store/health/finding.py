"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

# note: worth knowing, nothing is wrong. warning: it works, and will not always, or not well. error: it does not work.
Severity: TypeAlias = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One line of `pgconductor doctor`.

    Attributes:
        check: what was looked at, a word or two.
        summary: what was found.
        advice: what to do about it; None where nothing need be done.
    """

    check: str
    severity: Severity
    summary: str
    advice: str | None = None

    @property
    def wrong(self) -> bool:
        return self.severity in ("warning", "error")
