"""Rounds: runs that are compared take turns, so that what else the machine does meets all of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from benchmarks.measure import Measurement

Round: TypeAlias = "Mapping[str, Measurement]"

# Of the machine's CPU: what others may take before a round is repeated.
QUIET = 0.1


def interleave(
    runs: Mapping[str, Callable[[], Measurement]], rounds: int, tell: Callable[[str], None]
) -> dict[str, list[Measurement]]:
    """Each of `runs` once a round, another first each time.

    While others work on the machine rounds are added, up to as many again, and those with the fewest others count: on a
    shared machine four processes get a larger share of it than one, and so a verdict of its own.
    """
    played: list[Round] = []
    while len(played) < rounds or (_disturbed(played, rounds) and len(played) < 2 * rounds):
        played.append(_play(runs, first=len(played) % len(runs), tell=tell))
    quietest = sorted(played, key=_others_share)[:rounds]
    return {label: [measured[label] for measured in quietest] for label in runs}


def _play(runs: Mapping[str, Callable[[], Measurement]], *, first: int, tell: Callable[[str], None]) -> Round:
    labels, measured = list(runs), dict[str, Measurement]()
    for label in labels[first:] + labels[:first]:
        measured[label] = measurement = runs[label]()
        others = f", others took {measurement.others_share:.0%}" if measurement.others_share > QUIET else ""
        tell(f"  {label}: {measurement.rate:,.0f}/s{others}")
    return measured


def _others_share(played: Round) -> float:
    """The most that others took of the machine during one of a round's runs."""
    return max(measurement.others_share for measurement in played.values())


def _disturbed(played: Sequence[Round], rounds: int) -> bool:
    """Whether fewer than `rounds` were quiet."""
    return sum(_others_share(each) <= QUIET for each in played) < rounds
