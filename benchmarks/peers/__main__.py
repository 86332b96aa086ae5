"""`python -m benchmarks.peers`: the same no-op jobs through pgconductor and its peers, interleaved, on one server.

Peers come from PyPI and npm into scratch environments below `.bench/`, with their best documented settings. Each round
gives every one of them an empty database of its own, one after the other; the order moves on from round to round.
Figures are medians over the rounds, ratios medians of the rounds' ratios. A drain counts from the moment the worker
process is ready, and until the last acknowledgement is in the database; enqueueing is measured by itself.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks.measure import Measurement, Server, number, table, write_json
from benchmarks.peers.contest import Round, play
from benchmarks.peers.environment import REPOSITORY, Environment, Unavailable, prepare
from benchmarks.peers.peer import PEERS, Peer
from benchmarks.peers.process import PeerFailed
from pgconductor.store.embedded import EmbeddedServer

OURS = "pgconductor"
BENCH = REPOSITORY / ".bench"
HEADERS = ("system", "jobs", "enqueue/s", "drain/s", "client us/job", "server us/job", "WAL B/job", "we are")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the contest of the command line; 1 if a peer failed."""
    options = parser().parse_args(argv)
    entrants = prepared([peer for peer in PEERS if not options.only or peer.name in options.only])
    with serving(options.dsn) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        rounds, failures = contest(entrants, Server.of(connection), dsn, jobs=options.jobs, rounds=options.rounds)
        write_json(options.json, connection, {peer: as_json(played) for peer, played in rounds.items()})
    print(report(rounds))
    return 1 if failures else 0


def parser() -> argparse.ArgumentParser:
    described = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=(__doc__ or "").partition("\n")[0]
    )
    names = [peer.name for peer in PEERS]
    described.add_argument("--only", action="append", choices=names, help="leave the others out; may be repeated")
    described.add_argument(
        "--jobs", type=int, default=100_000, help="slow peers do a share of them (default: %(default)s)"
    )
    described.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    described.add_argument("--dsn", help="URL of a superuser on another server than the embedded one")
    described.add_argument("--json", type=Path, default=BENCH / "peers.json", help="where the figures go")
    return described


def prepared(peers: Sequence[Peer]) -> dict[Peer, Environment]:
    """The environments of those that can run here; what the others lack goes to stderr."""
    ready = {}
    for peer in peers:
        try:
            ready[peer] = prepare(peer)
        except Unavailable as reason:
            tell(f"without {peer.name}: {reason}")
    return ready


def serving(dsn: str | None) -> AbstractContextManager[str]:
    """The server to run on: the named one, or an embedded one of the benchmarks' own."""
    if dsn is not None:
        return nullcontext(dsn)
    BENCH.mkdir(exist_ok=True)
    return EmbeddedServer(BENCH).acquire()


def contest(
    entrants: dict[Peer, Environment], server: Server, dsn: str, *, jobs: int, rounds: int
) -> tuple[dict[str, list[Round]], list[str]]:
    """Everybody's rounds by name, and the names of those that failed, who are left out of all of them."""
    played: dict[str, list[Round]] = {peer.name: [] for peer in entrants}
    failed: list[str] = []
    for turn in range(rounds):
        for peer in in_turn([each for each in entrants if each.name not in failed], turn):
            try:
                result = play(peer, entrants[peer], server, dsn, jobs=max(1, round(jobs * peer.share)))
            except PeerFailed as reason:
                tell(f"{peer.name} failed: {reason}")
                failed.append(peer.name)
            else:
                played[peer.name].append(result)
                tell(f"round {turn + 1} of {rounds}: {peer.name} drained {number(result.drain.rate)} jobs/s")
    return {name: each for name, each in played.items() if name not in failed}, failed


def in_turn(peers: Sequence[Peer], turn: int) -> list[Peer]:
    """Another begins each round, so that nobody always runs in somebody's wake."""
    first = turn % max(1, len(peers))
    return [*peers[first:], *peers[:first]]


def report(rounds: dict[str, list[Round]]) -> str:
    """The table, and below it who is who."""
    rows = [row(name, played, rounds.get(OURS)) for name, played in rounds.items()]
    facts = {name: played[0].facts for name, played in rounds.items()}
    legend = [f"{name} {f['version']} on {f['runtime']}: {f['settings']}" for name, f in facts.items()]
    return "\n".join([table(rows, HEADERS), "", *legend])


def row(name: str, played: Sequence[Round], ours: Sequence[Round] | None) -> tuple[str, ...]:
    drains = [each.drain for each in played]
    return (
        name,
        number(drains[0].jobs),
        number(median(each.enqueue.rate for each in played)),
        number(median(drain.rate for drain in drains)),
        number(median(drain.client_us for drain in drains), 1),
        number(_server_us(drains), 1),
        number(median(drain.wal_per_job for drain in drains)),
        "" if ours is None or name == OURS else f"{ratio(ours, played):,.1f} x",
    )


def _server_us(drains: Sequence[Measurement]) -> float | None:
    known = [drain.server_us for drain in drains if drain.server_us is not None]
    return median(known) if known else None


def ratio(ours: Sequence[Round], theirs: Sequence[Round]) -> float:
    """How many times their drain rate we reach: the median of the rounds' ratios."""
    return median(our.drain.rate / their.drain.rate for our, their in zip(ours, theirs, strict=True))


def as_json(played: Sequence[Round]) -> dict[str, Any]:
    rounds = [{"enqueue": each.enqueue.as_json(), "drain": each.drain.as_json()} for each in played]
    return {**played[0].facts, "rounds": rounds}


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
