"""How soon a save is served by `pgconductor dev`."""

import time
from collections.abc import Callable, Iterator

from benchmarks.bench import Bench
from benchmarks.figure import Figure, at_most
from benchmarks.reload import REST, Project, followed_project

ROUNDS = 3
# The second save comes while the first is about to be served.
QUICKLY = 0.4


def reload(bench: Bench) -> Iterator[Figure]:
    """From a save to the first execution on the new code: the slowest of a few."""
    saves: dict[str, tuple[Callable[[Project], int], float]] = {
        "a save of Python, to its first execution": (Project.save_python, 1.5),
        "a save of a contract, likewise": (Project.save_contract, 2.5),
        "the second of two quick saves of Python": (_save_twice, 1.5),
    }
    times: dict[str, list[float]] = {name: [] for name in saves}
    with followed_project(bench.dsn) as project:
        for _ in range(1 if bench.quick else ROUNDS):
            for name, (save, _) in saves.items():
                time.sleep(REST)
                times[name].append(project.seconds_since(save(project)))
    for name, (_, limit) in saves.items():
        slowest, beside = max(times[name]), f"slowest of {len(times[name])}"
        yield Figure(name, f"{slowest:.2f} s", beside, slowest, at_most(limit), {"s": times[name]})


def _save_twice(project: Project) -> int:
    project.save_python()
    time.sleep(QUICKLY)
    return project.save_python()
