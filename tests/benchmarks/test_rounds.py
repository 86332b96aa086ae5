"""Rounds: what is compared is measured in turns, and as undisturbed as the machine allows."""

from collections.abc import Callable
from functools import partial

from benchmarks.measure import CORES, Measurement
from benchmarks.rounds import interleave


def runs(shares: dict[str, list[float]], order: list[str]) -> dict[str, Callable[[], Measurement]]:
    """Runs beside others that take these shares of the machine; they note in `order` when they run."""

    def run(label: str) -> Measurement:
        turn = order.count(label)
        order.append(label)
        others = shares[label][turn] * CORES
        return Measurement(f"{label} {turn}", 1, 1.0, client_cpu=0.0, server_cpu=0.0, wal_bytes=0, others=others)

    return {label: partial(run, label) for label in shares}


def labels(results: dict[str, list[Measurement]]) -> dict[str, list[str]]:
    return {name: sorted(each.label for each in measured) for name, measured in results.items()}


def told(line: str) -> None:
    pass


def test_another_begins_each_round() -> None:
    order: list[str] = []
    interleave(runs({"a": [0.0] * 3, "b": [0.0] * 3}, order), 3, told)
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_rounds_beside_others_are_added_and_the_quietest_count() -> None:
    results = interleave(runs({"a": [0.0, 0.5, 0.0, 0.9], "b": [0.0, 0.0, 0.09, 0.0]}, []), 2, told)
    assert labels(results) == {"a": ["a 0", "a 2"], "b": ["b 0", "b 2"]}


def test_a_busy_machine_ends_after_twice_the_rounds() -> None:
    order: list[str] = []
    results = interleave(runs({"a": [0.8, 0.7, 0.6, 0.5]}, order), 2, told)
    assert labels(results) == {"a": ["a 2", "a 3"]}
    assert len(order) == 4
