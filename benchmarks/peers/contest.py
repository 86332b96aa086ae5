"""One peer's round: an empty database, everything enqueued, everything drained, both measured."""

import time
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.database import fresh_database
from benchmarks.measure import Measurement, Server, measure
from benchmarks.peers.environment import Environment
from benchmarks.peers.peer import Peer
from benchmarks.peers.process import PeerFailed, PeerProcess

LIMIT = 300.0  # seconds that one verb may take
POLL = 0.01


@dataclass(frozen=True)
class Round:
    """What one peer did in one round.

    Attributes:
        facts: what its setup said of itself: version, runtime, settings.
    """

    facts: dict[str, str]
    enqueue: Measurement
    drain: Measurement


def play(peer: Peer, environment: Environment, server: Server, dsn: str, *, jobs: int) -> Round:
    """Let one peer do `jobs` jobs on a database of its own, which is dropped afterwards.

    Args:
        dsn: URL of the server; whoever it names may create databases and do checkpoints.

    Raises:
        PeerFailed: it ended early, or did not run each job exactly once.
    """
    with fresh_database(dsn, f"bench_{peer.program.partition('.')[0]}") as (connection, database):
        with PeerProcess(environment, "setup", dsn=database, limit=LIMIT) as process:
            facts = process.answer("version")
        pending = facts.pop("pending")
        connection.execute("checkpoint")  # none is owed: nobody pays for the work of those before
        with PeerProcess(environment, "enqueue", str(jobs), dsn=database, limit=LIMIT) as process:
            process.answer("ready")
            with measure(server, f"{peer.name} enqueue", jobs=jobs, pids=[process.pid]) as enqueue:
                process.go()
                process.answer("done")
        connection.execute("vacuum (analyze)")  # which autovacuum would do to some, in the middle of their drain
        with PeerProcess(environment, "drain", str(jobs), dsn=database, limit=LIMIT) as process:
            process.answer("ready")
            with measure(server, f"{peer.name} drain", jobs=jobs, pids=[process.pid]) as drain:
                process.go()
                done = process.answer("done")
                _wait_for_acknowledgements(connection, pending)
    if done["total"] != sum(range(jobs)):
        raise PeerFailed(f"the payloads of {jobs} handled jobs add up to {done['total']}, not to {sum(range(jobs))}")
    return Round(facts, enqueue.result, drain.result)


def _wait_for_acknowledgements(connection: psycopg.Connection[Any], pending: str) -> None:
    """Wait until the database knows that everything is done, which follows the last handler within milliseconds."""
    deadline = time.monotonic() + LIMIT
    while connection.execute(pending.encode()).fetchone() != (False,):
        if time.monotonic() > deadline:
            raise PeerFailed(f"after {LIMIT:.0f} seconds there is still work: {pending}")
        time.sleep(POLL)
