"""What a case reports: a measured value, what it stands beside, and what it must reach."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal, TypeAlias

from benchmarks.measure import Measurement, number

Runs: TypeAlias = "Mapping[str, Sequence[Measurement]]"

HEADERS = ("figure", "measured", "beside", "value", "must reach", "")


@dataclass(frozen=True)
class Bound:
    """What a value must reach or stay below."""

    kind: Literal["at least", "at most"]
    value: float

    def holds(self, value: float) -> bool:
        return value >= self.value if self.kind == "at least" else value <= self.value

    def __str__(self) -> str:
        return f"{'>=' if self.kind == 'at least' else '<='} {self.value:g}"


def at_least(value: float) -> Bound:
    return Bound("at least", value)


def at_most(value: float) -> Bound:
    return Bound("at most", value)


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        value: what is compared with `bound`: a ratio to what it stands beside, or a quantity.
        bound: None: shown for information.
        details: every single measurement, for the JSON.
    """

    name: str
    measured: str
    beside: str
    value: float
    bound: Bound | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        return self.bound is None or self.bound.holds(self.value)

    def row(self) -> tuple[str, ...]:
        """The cells below HEADERS."""
        verdict = "" if self.bound is None else "ok" if self.met else "MISSED"
        bound = "" if self.bound is None else str(self.bound)
        return self.name, self.measured, self.beside, f"{self.value:.3g}", bound, verdict

    def as_json(self) -> dict[str, Any]:
        return {
            "figure": self.name,
            "measured": self.measured,
            "beside": self.beside,
            "value": round(self.value, 3),
            "bound": None if self.bound is None else str(self.bound),
            "met": self.met,
            **self.details,
        }


def compared(name: str, runs: Runs, ours: str, theirs: str, bound: Bound | None = None) -> Figure:
    """The rate of the runs labelled `ours` beside those labelled `theirs`: the median of the rounds' ratios."""
    rates = {label: f"{number(middle(runs[label], rate))}/s" for label in (ours, theirs)}
    return Figure(
        name,
        rates[ours],
        f"{theirs} {rates[theirs]}",
        median(our.rate / their.rate for our, their in zip(runs[ours], runs[theirs], strict=True)),
        bound,
        {label: [each.as_json() for each in runs[label]] for label in (ours, theirs)},
    )


def middle(measurements: Sequence[Measurement], of: Callable[[Measurement], float]) -> float:
    """The median of one of the figures of several rounds."""
    return median(of(each) for each in measurements)


def rate(measurement: Measurement) -> float:
    return measurement.rate


def client_us(measurement: Measurement) -> float:
    return measurement.client_us


def server_us(measurement: Measurement) -> float:
    """Server CPU per job; infinite where the server is elsewhere and cannot be measured."""
    return float("inf") if measurement.server_us is None else measurement.server_us


def wal_bytes(measurement: Measurement) -> float:
    return measurement.wal_per_job
