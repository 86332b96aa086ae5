"""What a worker process keeps in memory while a million executions are ready."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.crew import Crew
from benchmarks.figure import Figure, at_most
from benchmarks.measure import number

READY = 1_000_000
SAMPLE = 0.1
SLOW_SECONDS = 10


def memory(bench: Bench) -> Iterator[Figure]:
    """A worker drains a million, then holds on to slow ones with a million behind them."""
    jobs = bench.size(READY)
    with bench.database() as database, bench.crew(database, ["main"]) as crew:
        database.hold("main")
        database.fill("noop", jobs)
        database.tidy("main")
        database.let_go("main")
        fast = _watch(crew, lambda: crew.has_run(jobs))
        crew.rest()
        crew.forget()
        database.hold("main")
        database.fill("slow", jobs)
        database.let_go("main")
        end = time.monotonic() + (SLOW_SECONDS / 5 if bench.quick else SLOW_SECONDS)
        slow = _watch(crew, lambda: time.monotonic() > end)
        database.hold("main")
    beside = f"{number(jobs)} ready"
    yield Figure("resident memory of a worker", f"{max(fast):.0f} MB", beside, max(fast), at_most(120), {"mb": fast})
    settled = len(fast) // 10  # the first batches fill the buffers
    growth = max(fast[settled:]) - max(fast[: settled + 1])
    yield Figure("  growth over the last nine tenths", f"{growth:.1f} MB", "", growth, at_most(5))
    yield Figure("  with slow handlers", f"{max(slow):.0f} MB", beside, max(slow), at_most(120), {"mb": slow})


def _watch(crew: Crew, ended: Callable[[], bool]) -> list[float]:
    """Resident memory in MB, sampled until `ended`."""
    samples = [resident(crew.pids[0])]
    while not ended():
        time.sleep(SAMPLE)
        samples.append(resident(crew.pids[0]))
    return samples


def resident(pid: int) -> float:
    """MB of memory that a process has in RAM."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return kib * 1024 / 1e6
