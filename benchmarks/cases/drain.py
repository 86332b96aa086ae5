"""One worker process drains a queue of jobs that do nothing: its rate beside raw SQL, its CPU per job."""

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figure import Figure, Runs, at_least, at_most, client_us, compared, middle, server_us

JOBS = 100_000
# 40,000 a second where raw SQL reaches 65,000: on another machine, the same share.
SHARE = 40_000 / 65_000


def not_kept(bench: Bench) -> Iterator[Figure]:
    """Completed executions are deleted."""
    jobs = bench.size(JOBS)
    with bench.database() as database, bench.crew(database, ["main"], ["usual"]) as crew:
        runs = bench.interleave(
            {
                "worker": lambda: bench.drain(crew, {"noop": jobs}),
                "raw SQL": lambda: bench.raw(database, jobs, keep=False),
                "worker, default settings": lambda: bench.drain(crew, {"usual_noop": jobs}),
            }
        )
    yield compared("drain, completed not kept", runs, "worker", "raw SQL", at_least(0.6))
    yield compared("  40,000/s where raw SQL has 65,000/s", runs, "worker", "raw SQL", at_least(round(SHARE, 2)))
    yield from _cpu(runs)
    yield compared("  with the default settings", runs, "worker, default settings", "raw SQL")


def kept(bench: Bench) -> Iterator[Figure]:
    """Completed executions move to `finished`."""
    jobs = bench.size(JOBS)
    with bench.database() as database, bench.crew(database, ["main"]) as crew:
        runs = bench.interleave(
            {
                "worker": lambda: bench.drain(crew, {"kept": jobs}),
                "raw SQL": lambda: bench.raw(database, jobs, keep=True),
            }
        )
    yield compared("drain, completed kept", runs, "worker", "raw SQL", at_least(0.6))
    yield from _cpu(runs, bound=False)


def _cpu(runs: Runs, *, bound: bool = True) -> Iterator[Figure]:
    for name, of, limit in (("client", client_us, 18), ("server", server_us, 16)):
        value, beside = middle(runs["worker"], of), middle(runs["raw SQL"], of)
        must = at_most(limit) if bound else None
        yield Figure(f"  {name} CPU per job", f"{value:.1f} us", f"raw SQL {beside:.1f} us", value, must)
