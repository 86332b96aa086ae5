"""What every case is given: a server, databases on it, and how much to do."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.crew import LIMIT, REPOSITORY, Crew, crew
from benchmarks.database import Database, planned_database
from benchmarks.measure import Measurement, Server, measure
from benchmarks.peers.environment import Environment
from benchmarks.peers.process import PeerProcess
from benchmarks.rounds import interleave

# Tasks that workers are warmed up with: the tables get their pages, statements are prepared, models built.
WARM_UP = 5_000
NOOPS = frozenset(
    {
        "noop",
        "usual_noop",
        "shared_noop",
        "first_noop",
        "second_noop",
        "third_noop",
        "fourth_noop",
        "unlimited",
        "probe",
        "workflow",
    }
)


@dataclass(frozen=True)
class Bench:
    """One run.

    Attributes:
        dsn: URL of the server, for somebody who may create databases.
        quick: a first look: a tenth of the work, one round.
    """

    dsn: str
    server: Server
    quick: bool
    tell: Callable[[str], None]

    def size(self, jobs: int) -> int:
        """How many jobs to do where the figure asks for `jobs`."""
        return jobs // 10 if self.quick else jobs

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 5

    @contextmanager
    def database(self, name: str = "bench") -> Iterator[Database]:
        with planned_database(self.dsn, name) as database:
            yield database

    def interleave(self, runs: Mapping[str, Callable[[], Measurement]]) -> dict[str, list[Measurement]]:
        """The measurements of each of `runs`, taken in turns."""
        return interleave(runs, self.rounds, self.tell)

    def drain(self, crew: Crew, tasks: Mapping[str, int], label: str = "drain") -> Measurement:
        """Fill, then let the crew drain: `tasks` says how many executions of which task.

        The workers are idle when the clocks start, as they are when work arrives: starting them is not counted.
        """
        database = crew.database
        queues = sorted({database.plan.tasks[task].queue for task in tasks})
        for queue in queues:
            database.hold(queue)
        for task, jobs in tasks.items():
            database.fill(task, jobs)
        database.tidy(*queues)
        total = sum(jobs * (jobs - 1) // 2 for jobs in tasks.values())
        with measure(self.server, label, jobs=sum(tasks.values()), pids=crew.pids) as meter:
            database.let_go(*queues)
            crew.wait(sum(tasks.values()), total)
        database.forget_finished()
        return meter.result

    @contextmanager
    def crew(self, database: Database, *assignments: list[str]) -> Iterator[Crew]:
        """A worker process for each list of queues, warmed up."""
        with crew(database, *assignments) as workers:
            for task in NOOPS & database.tasks_of({queue for queues in assignments for queue in queues}):
                database.fill(task, WARM_UP)
                database.let_go(database.plan.tasks[task].queue)
                workers.ran(WARM_UP)
                workers.rest()
                workers.forget()
            yield workers

    def raw(self, database: Database, jobs: int, *, keep: bool) -> Measurement:
        """The ceiling of a drain."""
        database.fill("raw_noop", jobs)
        database.tidy("raw")
        verb, worker = "keep" if keep else "discard", str(database.register("raw"))
        with self.program("benchmarks.ceiling", verb, worker, database=database) as process:
            process.answer("ready")
            with measure(self.server, "raw SQL", jobs=jobs, pids=[process.pid]) as meter:
                process.go()
                if process.answer("done")["done"] != jobs:
                    raise RuntimeError("the raw loop did not see every row")
        database.forget_finished()
        return meter.result

    def program(self, module: str, *words: str, database: Database) -> PeerProcess:
        """One of our own programs that speak the peers' protocol, to be used as a context manager."""
        command = Environment((sys.executable, "-m", module), REPOSITORY)
        return PeerProcess(command, *words, dsn=database.url, limit=LIMIT)
