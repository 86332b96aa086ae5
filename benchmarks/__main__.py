"""`python -m benchmarks`: every figure that the engine must reach, beside its ceiling or reference, in one run.

Everything runs on one server. What is compared is measured in turns, round by round, and a ratio is the median of the
rounds' ratios: what else the machine does meets both sides.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import psycopg

from benchmarks.bench import Bench
from benchmarks.cases import drain, enqueue, idle, memory, reload, sharing, startup, surroundings, workflows
from benchmarks.figure import HEADERS, Figure
from benchmarks.measure import Server, table, write_json
from benchmarks.peers.environment import REPOSITORY
from pgconductor.store.embedded import EmbeddedServer

BENCH = REPOSITORY / ".bench"
# The embedded server of a project has the same; statements are only counted where the idle load is measured.
SETTINGS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "none"}

CASES: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "enqueue": enqueue.bulk,
    "enqueue-single": enqueue.single,
    "drain": drain.not_kept,
    "drain-kept": drain.kept,
    "processes": sharing.four_processes,
    "flood": sharing.flood,
    "snapshot": surroundings.snapshot,
    "big": surroundings.big_database,
    "limited": surroundings.limited,
    "workflows": workflows.three_steps,
    "pick-up": idle.pick_up,
    "idle": idle.idle_load,
    "memory": memory.memory,
    "startup": startup.startup,
    "reload": reload.reload,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases of the command line; 1 if a figure was missed."""
    options = parser().parse_args(argv)
    names = options.only or list(CASES)
    with serving(options.dsn) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        bench = Bench(dsn, Server.of(connection), options.quick, tell)
        figures = {name: measured(name, bench) for name in names}
        results = {name: [figure.as_json() for figure in found] for name, found in figures.items()}
        write_json(options.json, connection, {"quick": options.quick, "cases": results})
    rows = [figure for found in figures.values() for figure in found]
    print(table([figure.row() for figure in rows], HEADERS))
    return 0 if all(figure.met for figure in rows) else 1


def parser() -> argparse.ArgumentParser:
    described = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    described.add_argument("--only", action="append", choices=list(CASES), help="leave the others out; may be repeated")
    described.add_argument(
        "--quick", action="store_true", help="a tenth of the work, once: a first look, not a verdict"
    )
    described.add_argument("--dsn", help="URL of a superuser on another server than the embedded one")
    described.add_argument("--json", type=Path, default=BENCH / "bench.json", help="where every measurement goes")
    return described


def serving(dsn: str | None) -> AbstractContextManager[str]:
    """The server to run on: the named one, or an embedded one of the benchmarks' own."""
    if dsn is not None:
        return nullcontext(dsn)
    BENCH.mkdir(exist_ok=True)
    return EmbeddedServer(BENCH, settings=SETTINGS).acquire()


def measured(name: str, bench: Bench) -> list[Figure]:
    tell(f"{name}: {(CASES[name].__doc__ or '').strip()}")
    began = time.monotonic()
    figures = list(CASES[name](bench))
    tell(f"  {time.monotonic() - began:.0f} s")
    return figures


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
