"""What stands beside a drain and must not slow it: an old snapshot, a big database, a saturated limited task."""

from collections.abc import Iterator

import psycopg

from benchmarks.bench import Bench
from benchmarks.crew import Crew
from benchmarks.database import Database
from benchmarks.figure import Figure, at_least, compared
from benchmarks.measure import Measurement, measure

JOBS = 100_000
BESIDE_LIMITED = 50_000
SATURATING = 5_000
FINISHED, SCHEDULED, LONG_RUNNING = 2_000_000, 200_000, 5_000


def snapshot(bench: Bench) -> Iterator[Figure]:
    """A transaction elsewhere holds a snapshot: no row that the drain deletes can be vacuumed or skipped by indexes."""
    jobs = bench.size(JOBS)
    with bench.database() as database, bench.crew(database, ["main"]) as crew:

        def held() -> Measurement:
            with psycopg.connect(database.url) as elsewhere:
                elsewhere.execute("set transaction isolation level repeatable read")
                elsewhere.execute("select 1")
                return bench.drain(crew, {"noop": jobs})

        runs = bench.interleave({"snapshot held": held, "none held": lambda: bench.drain(crew, {"noop": jobs})})
    yield compared("drain under a held snapshot", runs, "snapshot held", "none held", at_least(0.8))


def big_database(bench: Bench) -> Iterator[Figure]:
    """2,000,000 finished executions, 200,000 scheduled and 5,000 long-running ones beside the drain."""
    jobs = bench.size(JOBS)
    with (
        bench.database("bench_big") as big,
        bench.database("bench_empty") as empty,
        bench.crew(big, ["main"]) as in_big,
        bench.crew(empty, ["main"]) as in_empty,
    ):
        _populate(big, bench)
        runs = bench.interleave(
            {
                "big database": lambda: bench.drain(in_big, {"noop": jobs}),
                "empty database": lambda: bench.drain(in_empty, {"noop": jobs}),
            }
        )
    yield compared("drain in a big database", runs, "big database", "empty database", at_least(0.9))


def limited(bench: Bench) -> Iterator[Figure]:
    """A limited task has more work than its limit lets through; an unlimited one of the same queue is drained."""
    jobs = bench.size(BESIDE_LIMITED)
    with bench.database() as database, bench.crew(database, ["lanes"]) as crew:
        runs = bench.interleave(
            {
                "beside a limited task": lambda: _beside_limited(bench, crew, jobs, SATURATING),
                "alone": lambda: _beside_limited(bench, crew, jobs, 0),
            }
        )
    yield compared("unlimited beside a saturated limited", runs, "beside a limited task", "alone", at_least(0.9))


def _beside_limited(bench: Bench, crew: Crew, jobs: int, backlog: int) -> Measurement:
    database = crew.database
    database.hold("lanes")
    database.fill("limited", backlog)
    database.fill("unlimited", jobs)
    database.tidy("lanes")
    with measure(bench.server, "unlimited", jobs=jobs, pids=crew.pids) as meter:
        database.let_go("lanes")
        crew.ran(jobs)
    database.run("delete from {ready} where task = 'limited'")
    crew.rest()
    crew.forget()
    return meter.result


def _populate(database: Database, bench: Bench) -> None:
    bench.tell("  filling the big database")
    size = bench.size
    database.run(
        "insert into {finished} (id, run_at, created_at, started_at, finished_at, attempts, priority, version, state,"
        " queue, task, payload) select {schema}.uuid7(), at, at, at, at, 1, 0, 1, 'completed', 'main', 'kept', '{{}}'"
        " from (select now() - i * interval '30 ms' as at from generate_series(1, %(n)s) as i) as times",
        n=size(FINISHED),
    )
    database.run(
        "insert into {scheduled} (id, run_at, created_at, priority, version, queue, task, payload)"
        " select {schema}.uuid7(), now() + interval '1 day', now(), 0, 1, 'main', 'noop', '{{}}'"
        " from generate_series(1, %(n)s)",
        n=size(SCHEDULED),
    )
    worker = database.register("main")
    database.run(
        "insert into {running} (id, run_at, created_at, attempts, priority, version, queue, task, payload, worker,"
        " lease, started_at)"
        " select {schema}.uuid7(), now(), now(), 1, 0, 1, 'main', 'noop', '{{}}', %(worker)s, 1, now()"
        " from generate_series(1, %(n)s)",
        n=size(LONG_RUNNING), worker=worker,
    )  # fmt: skip
