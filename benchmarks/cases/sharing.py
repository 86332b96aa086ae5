"""Several worker processes: on one queue, on one each, and one queue beside a flooded one."""

import random
import time
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.crew import Crew
from benchmarks.figure import Figure, at_least, at_most, compared
from benchmarks.measure import number
from benchmarks.probes import Prober

# Four processes start and end at four moments: that must not be what is measured.
JOBS = 200_000
FLOOD = 500_000
SPREAD = ("first", "second", "third", "fourth")
PAUSE = (0.02, 0.05)


def four_processes(bench: Bench) -> Iterator[Figure]:
    """Four worker processes on one queue, and on four, beside one process."""
    jobs = bench.size(JOBS)
    spread = {f"{queue}_noop": jobs // 4 for queue in SPREAD}
    with (
        bench.database() as database,
        bench.crew(database, ["main"]) as one,
        bench.crew(database, *[["shared"]] * 4) as four,
        bench.crew(database, *([queue] for queue in SPREAD)) as each,
    ):
        runs = bench.interleave(
            {
                "one process": lambda: bench.drain(one, {"noop": jobs}),
                "four on one queue": lambda: bench.drain(four, {"shared_noop": jobs}),
                "four on four queues": lambda: bench.drain(each, spread),
            }
        )
    yield compared("four processes on one queue", runs, "four on one queue", "one process", at_least(1.0))
    yield compared("four processes on four queues", runs, "four on four queues", "four on one queue", at_least(1.0))


def flood(bench: Bench) -> Iterator[Figure]:
    """How soon a job is picked up while another queue holds 500,000."""
    jobs = bench.size(FLOOD)
    with bench.database() as database:
        with bench.crew(database, ["first"], ["probes"], ["third"], ["fourth"]) as crew:
            yield _flooded("pick-up beside a flooded queue, p50", bench, crew, jobs, bound=True)
        with bench.crew(database, ["first", "probes"]) as crew:
            yield _flooded("  one process serves both, p50", bench, crew, jobs, bound=False)


def _flooded(name: str, bench: Bench, crew: Crew, jobs: int, *, bound: bool) -> Figure:
    database, prober = crew.database, Prober(crew)
    database.hold("first")
    database.fill("first_noop", jobs)
    database.tidy("first")
    prober.probe()
    prober.times.clear()
    began = time.perf_counter()
    database.let_go("first")
    while database.value("select exists (select from {ready} where queue = 'first' offset 10000)"):
        time.sleep(random.uniform(*PAUSE))
        prober.probe()
    seconds = time.perf_counter() - began
    crew.rest()
    crew.forget()
    half, late = prober.percentile(50), prober.percentile(99)
    bench.tell(f"  {len(prober.times)} probes: p50 {half:.1f} ms, p99 {late:.1f} ms")
    beside = f"{number(jobs)} jobs at {number(jobs / seconds)}/s"
    return Figure(
        name, f"{half:.2f} ms, p99 {late:.1f}", beside, half, at_most(10) if bound else None, {"ms": prober.times}
    )
