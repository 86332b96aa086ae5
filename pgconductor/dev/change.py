"""What it takes to go from what runs to what is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pgconductor.dev.project import Built
from pgconductor.runtime.tuning import fixed_differences


class Change(Enum):
    """The smallest thing that is enough."""

    NOTHING = "nothing"
    TUNABLES = "tunables"  # pushed to the processes that run
    CODE = "code"  # a new generation
    PLAN = "plan"  # applied to the database, and a new generation


@dataclass(frozen=True)
class State:
    """A plan together with the code that its handlers have.

    Attributes:
        code: a digest over the content of all the project's modules.
    """

    built: Built
    code: str


def classify(served: State | None, wanted: State) -> Change:
    """Tell what has to be done.

    Args:
        served: what the current generation was started with or was retuned to; None: nothing runs.
    """
    if served is None:
        return Change.PLAN
    before, after = served.built, wanted.built
    if before.generated_code != after.generated_code or fixed_differences(before.plan, after.plan):
        return Change.PLAN
    if before.plan.database != after.plan.database:
        return Change.PLAN
    tuned = before.plan.hashes.tunables != after.plan.hashes.tunables
    if served.code != wanted.code:
        return Change.PLAN if tuned else Change.CODE
    return Change.TUNABLES if tuned else Change.NOTHING
