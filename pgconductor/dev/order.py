"""What a worker process of dev is told to serve."""

from __future__ import annotations

from dataclasses import dataclass

from pgconductor.dev.project import Built
from pgconductor.runtime.supervisor import assignments


@dataclass(frozen=True)
class Order:
    """What a process is to serve.

    Attributes:
        plan: as JSON, with the environment's overrides applied.
        folder: of conductor.toml.
        fresh: folders whose modules are compiled from their sources.
        grace: seconds for what runs to end, should dev be gone.
        level: the lowest level of log records that are wanted.
    """

    plan: str
    folder: str
    fresh: list[str]
    queues: list[str]
    grace: float
    level: str
    paused: bool


def orders(built: Built, *, level: str, paused: bool) -> list[Order]:
    """One for each process that the project asks for."""
    return [
        Order(
            plan=built.plan.to_json(),
            folder=str(built.folder),
            fresh=[str(built.code_folder), str(built.folder)],
            queues=queues,
            grace=built.grace,
            level=level,
            paused=paused,
        )
        for queues in assignments(built.plan, built.served, None)
    ]
