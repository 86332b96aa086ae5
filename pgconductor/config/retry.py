"""`retry`: when a failed attempt is followed by another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgconductor.config import codes, readers, reference
from pgconductor.config.model import DAY, MINUTE, SECOND, Retry
from pgconductor.config.node import Node
from pgconductor.config.reader import either, one_of, takes
from pgconductor.config.shape import Key, Settings, Shape
from pgconductor.duration import format_duration

# A backoff is worked out into a list: more delays than this say that its steps are too small.
MOST_DELAYS = 1_000
HOUR = 60 * MINUTE
LONGEST_DELAY = 365 * DAY

_BACKOFF_KEYS = ("initial", "max", "factor")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays by a formula: always `initial`, or `initial * factor` more each time, or `factor` times as long."""

    kind: str  # "constant" | "linear" | "exponential"
    initial_ms: int
    max_ms: int
    factor: float

    def delays(self, attempts: int | None) -> tuple[int, ...]:
        """The delays up to the greatest, or for as many attempts; never more than MOST_DELAYS + 1."""
        found: list[int] = []
        wanted = MOST_DELAYS + 1 if attempts is None else min(max(1, attempts - 1), MOST_DELAYS + 1)
        delay: float = self.initial_ms
        while len(found) < wanted:
            found.append(round(min(delay, self.max_ms)))
            if found[-1] == self.max_ms or self.kind == "constant":
                break
            delay = delay * self.factor if self.kind == "exponential" else delay + self.initial_ms * self.factor
        return tuple(found)


@takes(lambda names: either(readers.integer(1, 30_000).schema(names), one_of(["forever"])))
def _attempts(node: Node) -> int | None:
    if node.value == "forever":
        return None
    if isinstance(node.value, str):
        raise node.report(codes.CHOICE, f"`{node.value}` is no number of attempts", 'write a number, or "forever"')
    return readers.integer(1, 30_000)(node)


@takes({"type": "array", "items": readers.duration_schema(), "minItems": 1, "maxItems": MOST_DELAYS})
def _schedule(node: Node) -> tuple[int, ...]:
    if node.value == []:
        raise node.report(codes.RANGE, "`schedule` is empty", 'to try again at once write ["0s"]')
    if isinstance(node.value, list) and len(node.value) > MOST_DELAYS:
        raise node.report(codes.RANGE, f"`schedule` has more than {MOST_DELAYS:,} delays")
    return readers.array(readers.duration(0, LONGEST_DELAY), unique=False)(node)


_SHAPE = Shape(
    {
        "max_attempts": Key("max_attempts", _attempts, 'How often a handler is started at most, or "forever".'),
        "schedule": Key("schedule", _schedule, "The delays after the first, second, ... failure; the last repeats."),
        "backoff": Key(
            "backoff",
            readers.choice("constant", "linear", "exponential"),
            "How delays grow, instead of `schedule`: from `initial` to `max`.",
        ),
        "initial": Key(
            "initial_ms", readers.duration(1, LONGEST_DELAY), 'The first delay of a backoff; "15s" if left out.'
        ),
        "max": Key("max_ms", readers.duration(1, LONGEST_DELAY), 'The longest delay of a backoff; "1h" if left out.'),
        "factor": Key(
            "factor",
            readers.number(0.001, 1_000),
            "What each delay is multiplied by, 2; of a linear backoff, how many times `initial` is added, 1.",
        ),
        "jitter": Key("jitter", readers.number(0, 1), "0.1: each delay is drawn from 90 to 110 % of what it would be."),
        "retry_on": Key(
            "retry_on",
            readers.array(reference.exception, least=1),
            'Only these exceptions are tried again: "TimeoutError", "module:Class". Subclasses count.',
        ),
        "give_up_on": Key(
            "give_up_on",
            readers.array(reference.exception),
            "These exceptions fail the execution at once, whatever `retry_on` says. Subclasses count.",
        ),
    },
    model=Retry,
)


@takes(_SHAPE.schema)
def retry(node: Node) -> Settings:
    """What a table says, with `delays` (a tuple of milliseconds, or a Backoff) in place of the keys that make them."""
    settings = _SHAPE.read(node)
    found = settings.only({"max_attempts", "jitter", "retry_on", "give_up_on"})
    if "schedule" in node.value:
        _refuse(
            node, ("backoff", *_BACKOFF_KEYS), "excludes `schedule`", "give either the delays or a formula for them"
        )
        if "schedule" in settings.values:
            found.put("delays", settings.values["schedule"], node["schedule"])
    elif "backoff" not in node.value:
        _refuse(node, _BACKOFF_KEYS, "has no effect without `backoff`", 'add `backoff`, such as "exponential"')
    elif "backoff" in settings.values:
        found.put("delays", _backoff(node, settings.values), node["backoff"])
    return found


def _refuse(node: Node, keys: tuple[str, ...], why: str, help: str | None = None) -> None:
    for key in keys:
        if found := node.get(key):
            found.report(codes.CONFLICT, f"`{key}` {why}", help, at="key")


def _backoff(node: Node, values: dict[str, Any]) -> Backoff:
    kind: str = values["backoff"]
    if kind == "constant":
        _refuse(node, ("max", "factor"), "has no effect on a constant backoff")
    initial: int = values.get("initial_ms", 15 * SECOND)
    greatest: int = values.get("max_ms", max(initial, HOUR))
    factor: float = values.get("factor", 1 if kind == "linear" else 2)
    if greatest < initial:
        node["max"].report(codes.CONFLICT, f"`max` is less than `initial`, which is {format_duration(initial)}")
    if kind == "exponential" and factor <= 1:
        help = 'use `backoff = "constant"`, or a factor such as 2'
        raise node["factor"].report(codes.RANGE, "an exponential backoff grows by a factor greater than 1", help)
    return Backoff(kind, initial, greatest, factor)


def resolve(settings: Settings) -> Retry:
    """The policy that merged settings mean."""
    values = {key: value for key, value in settings.values.items() if key != "delays"}
    policy = Retry(**values)
    delays = settings.values.get("delays")
    if isinstance(delays, Backoff):
        node = settings.nodes["delays"]
        delays = delays.delays(policy.max_attempts)
        if len(delays) > MOST_DELAYS:
            help = "begin with a longer `initial`, lower `max`, or take a greater `factor`"
            node.report(codes.RANGE, f"this backoff takes more than {MOST_DELAYS:,} steps to reach its `max`", help)
            return policy
    return policy.model_copy(update={"delays_ms": delays}) if delays else policy
