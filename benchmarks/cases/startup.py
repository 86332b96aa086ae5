"""How long the command line takes to answer, beside an interpreter that does nothing."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench
from benchmarks.crew import REPOSITORY
from benchmarks.figure import Figure

CONFIG = Path(__file__).parents[1] / "conductor.toml"
COMMANDS = {
    "pgconductor --help": ("-m", "pgconductor", "--help"),
    "pgconductor generate --check": ("-m", "pgconductor", "generate", "--check", "--config", str(CONFIG)),
}


def startup(bench: Bench) -> Iterator[Figure]:
    """Commands that need no database."""
    times: dict[str, list[float]] = {name: [] for name in ("python -c pass", *COMMANDS)}
    for _ in range(3 if bench.quick else 15):
        for name, took in times.items():
            took.append(_seconds(*COMMANDS.get(name, ("-c", "pass"))))
    bare = median(times["python -c pass"]) * 1e3
    for name in COMMANDS:
        took_ms = median(times[name]) * 1e3
        yield Figure(
            name, f"{took_ms:.0f} ms", f"python -c pass {bare:.0f} ms", took_ms, None, {"seconds": times[name]}
        )


def _seconds(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, capture_output=True)
    return time.perf_counter() - began
