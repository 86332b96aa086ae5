"""How long the command line takes to answer, beside an interpreter that does nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.crew import REPOSITORY
from benchmarks.figure import Figure, at_most

COMMANDS = {
    "pgconductor --help": (("-m", "pgconductor", "--help"), 150),
    "pgconductor generate --check": (("-m", "pgconductor", "generate", "--check"), 500),  # of the example shop
}
BARE = ("-c", "pass")
# As installed: pip compiles what it installs, and Python what it imports from a clone.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def startup(bench: Bench) -> Iterator[Figure]:
    """Commands that need no database: the fastest of many, since whatever disturbs a start only makes it slower."""
    bare: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(5 if bench.quick else 25):
        bare.append(_milliseconds(*BARE))
        for name, (arguments, _) in COMMANDS.items():
            times[name].append(_milliseconds(*arguments))
    for name, (_, limit) in COMMANDS.items():
        took, beside = min(times[name]), f"python -c pass {min(bare):.0f} ms"
        yield Figure(name, f"{took:.0f} ms", beside, took, at_most(limit), {"ms": times[name], "bare_ms": bare})


def _milliseconds(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, env=ENVIRONMENT, capture_output=True, check=True)
    return (time.perf_counter() - began) * 1e3
