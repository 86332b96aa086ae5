"""Executions with three durable steps each, all of whose results are committed before the next step runs."""

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figure import Figure, at_least, client_us, middle, rate, server_us, wal_bytes

JOBS = 2_000
MANY = 20_000


def three_steps(bench: Bench) -> Iterator[Figure]:
    """One worker process; the workflows are not kept, and kept with their steps."""
    jobs, many = bench.size(JOBS), bench.size(MANY)
    with bench.database() as database, bench.crew(database, ["workflows"]) as crew:
        runs = bench.interleave(
            {
                "2,000": lambda: bench.drain(crew, {"workflow": jobs}),
                "20,000": lambda: bench.drain(crew, {"workflow": many}),
                "20,000 kept": lambda: bench.drain(crew, {"workflow_kept": many}),
            }
        )
    value = middle(runs["2,000"], rate)
    yield Figure("3-step workflows, 2,000", f"{value:,.0f}/s", "", value, at_least(8_000))
    for label in ("20,000", "20,000 kept"):
        of = runs[label]
        client, server, wal = middle(of, client_us), middle(of, server_us), middle(of, wal_bytes)
        said = f"client {client:.0f} us, server {server:.0f} us, {wal:,.0f} B of WAL each"
        yield Figure(f"  {label}", f"{middle(of, rate):,.0f}/s", said, middle(of, rate), None)
