"""`python -m benchmarks.worker URL QUEUE...`: a worker process that tells on its standard output how far it is.

It serves the queues as `pgconductor run` does until its standard input ends. Whenever something has changed it writes a
line of JSON, at most a hundred a second: handlers that ran, the sum of their payloads, what is not yet written to the
database, and the stamps of probes.
"""

import asyncio
import json
import sys
from typing import Any

from benchmarks.database import PLAN_FILE
from benchmarks.tally import Tally
from pgconductor.runtime.orchestrator import Orchestrator

INTERVAL = 0.01


async def main(url: str, queues: list[str]) -> None:
    tally = Tally()
    orchestrator = Orchestrator.from_plan(PLAN_FILE, queues=queues, url=url, deps=tally)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    async with orchestrator:
        last: dict[str, Any] = {}
        while not ended.done():
            stamps, tally.stamps = tally.stamps, []
            state = progress(orchestrator, tally) | {"stamps": stamps}
            if state != last:
                print(json.dumps(state), flush=True)
                last = {**state, "stamps": []}
            await asyncio.sleep(INTERVAL)


def progress(orchestrator: Orchestrator, tally: Tally) -> dict[str, int]:
    workers = orchestrator.info().workers
    held = sum(worker.buffered + worker.running + worker.unsettled for worker in workers)
    return {"count": tally.count, "total": tally.total, "held": held}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
