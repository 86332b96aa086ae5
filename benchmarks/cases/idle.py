"""An idle worker: how soon it begins what is enqueued, and what it asks of the server while nothing is."""

import random
import time
from collections.abc import Iterator

import psycopg

from benchmarks.bench import Bench
from benchmarks.database import Database
from benchmarks.figure import Figure, at_most
from benchmarks.probes import Prober

PROBES = 200
# A worker that has had work looks again a few times within a tenth of a second: probes are for the idle.
PAUSE = (0.15, 0.2)
SECONDS = 30
SAMPLE = 0.05
CALLS = "select coalesce(sum(calls), 0) from pg_stat_statements where query !~ 'pg_stat_'"
COMMITS = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
OPEN = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%%'"


def pick_up(bench: Bench) -> Iterator[Figure]:
    """From the commit of one enqueue to the start of its handler, the worker being idle."""
    with bench.database() as database, bench.crew(database, ["probes"]) as crew:
        prober = Prober(crew)
        for _ in range(PROBES // (8 if bench.quick else 1)):
            time.sleep(random.uniform(*PAUSE))
            prober.probe()
    for percent, limit in ((50, 3), (99, 12)):
        value = prober.percentile(percent)
        name, beside = f"idle worker, commit to handler, p{percent}", f"{len(prober.times)} probes"
        yield Figure(name, f"{value:.2f} ms", beside, value, at_most(limit), {"ms": prober.times})


def idle_load(bench: Bench) -> Iterator[Figure]:
    """Statements of one worker process on one queue, and of one on two, while nothing is to do."""
    seconds = SECONDS // (6 if bench.quick else 1)
    with bench.database() as database:
        count = _counting(database)
        for queues in (["main"], ["first", "second"]):
            with bench.crew(database, queues):
                time.sleep(1.0)  # the afterthoughts of the warm-up
                before, open_transactions = database.value(count), _watch(database, seconds)
                per_second = (int(database.value(count)) - int(before)) / seconds / len(queues)
            name = "idle load, statements per second" if len(queues) == 1 else "  and queue, of a process with two"
            yield Figure(name, f"{per_second:.2f}/s", f"{seconds} s", per_second, at_most(2))
            yield Figure("  open transactions", str(open_transactions), "", open_transactions, at_most(0))


def _counting(database: Database) -> str:
    """The query that counts: every statement where the server can, else transactions, which are the same when idle."""
    try:
        database.run("create extension pg_stat_statements")
        database.value(CALLS)
    except psycopg.Error:
        return COMMITS
    name = database.value("select quote_ident(current_database())")
    database.run(f"alter database {name} set pg_stat_statements.track = 'top'")
    return CALLS


def _watch(database: Database, seconds: float) -> int:
    """The most transactions that were seen open with nothing running in them."""
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, int(database.value(OPEN)))
        time.sleep(SAMPLE)
    return most
