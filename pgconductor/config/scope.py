"""What is known of the whole configuration while it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pgconductor.config.claims import Claims
from pgconductor.config.diagnostic import Diagnostic
from pgconductor.config.files import Files
from pgconductor.config.types import Payload, SharedType
from pgconductor.config.valuecheck import ValueCheck


@dataclass(slots=True)
class Names:
    """What the files declare, whether or not it could be read."""

    queues: set[str] = field(default_factory=lambda: {"default"})
    types: set[str] = field(default_factory=set)
    enums: set[str] = field(default_factory=set)  # those of the types
    events: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Scope:
    """Shared by all nodes of one load.

    Attributes:
        files: reads whatever else the configuration names.
        diagnostics: the problems found so far.
        names: everything that may be referred to, known before anything is read in detail.
        types: the shared types that could be read.
        events: the payloads of the events that could be read.
        claims: the names of the generated models.
        complete: False once a file could not be read; then names may be missing through no fault of who uses them.
    """

    files: Files
    diagnostics: list[Diagnostic] = field(default_factory=list)
    names: Names = field(default_factory=Names)
    types: dict[str, SharedType] = field(default_factory=dict)
    events: dict[str, Payload] = field(default_factory=dict)
    claims: Claims = field(default_factory=Claims)
    complete: bool = True
    checks: list[Callable[[ValueCheck], None]] = field(default_factory=list)

    def later(self, check: Callable[[ValueCheck], None]) -> None:
        """Check values when everything has been read, types above all."""
        self.checks.append(check)

    def run_checks(self) -> None:
        values = ValueCheck(self.types)
        for check in self.checks:
            check(values)
        self.checks.clear()

    def in_order(self, root: str) -> tuple[Diagnostic, ...]:
        """Every problem once: those of the root file first, then by file, then by position."""

        def key(item: Diagnostic) -> tuple[bool, str, int, int, str]:
            return item.place.file != root, item.place.file, item.place.line, item.place.col, item.code

        return tuple(sorted(dict.fromkeys(self.diagnostics), key=key))
