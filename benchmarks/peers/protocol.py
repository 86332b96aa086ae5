"""What a peer's process and the orchestrator say to each other: one JSON object a line.

Every peer is a module run in an environment of its own, so this file uses the standard library alone. A phase goes

    peer: {"ready": true}      connected, nothing claimed or sent yet
    orchestrator: "go"         its clocks are running
    peer: {"done": n, ...}     the n-th job was handed in, or its handler has returned

A draining peer then keeps running until it is killed: its last acknowledgements may still be under way, and only the
database says when they have landed (`pending`, a query of the peer's setup).
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable

PREFIX = "peer: "
BATCH = 1000  # jobs in one bulk enqueue, for every peer


def say(**facts: object) -> None:
    """Tell the orchestrator something; libraries may print lines of their own in between."""
    print(PREFIX + json.dumps(facts), flush=True)


def wait_for_go() -> None:
    """Announce that everything is connected and wait until the orchestrator's clocks run."""
    say(ready=True)
    sys.stdin.readline()


class Tally:
    """Counts handled payloads and tells when the last one ran; their sum proves that each ran once."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.count = 0
        self.total = 0

    def add(self, i: int) -> None:
        self.count += 1
        self.total += i
        if self.count == self.jobs:
            say(done=self.count, total=self.total)


async def serve(
    setup: Callable[[str], Awaitable[dict[str, str]]],
    enqueue: Callable[[str, int], Awaitable[None]],
    drain: Callable[[str, Tally], Awaitable[None]],
) -> None:
    """Do the verb of the command line: `setup`, `enqueue N` or `drain N`, on the database in PEER_DSN."""
    dsn, verb = os.environ["PEER_DSN"], sys.argv[1]
    match verb:
        case "setup":
            say(runtime=f"Python {sys.version.split()[0]}", **await setup(dsn))
        case "enqueue":
            await enqueue(dsn, jobs := int(sys.argv[2]))
            say(done=jobs)
        case "drain":
            await drain(dsn, Tally(int(sys.argv[2])))
        case _:
            raise SystemExit(f"unknown verb {verb!r}: setup, enqueue N or drain N")
