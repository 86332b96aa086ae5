"""`python -m benchmarks.worker URL QUEUE...`: a worker process that tells on its standard output how far it is.

It serves the queues as `pgconductor run` does until its standard input ends. Lines of JSON say how many handlers ran,
what their payloads add up to, what is not yet written to the database, and the stamps of probes.
"""

import asyncio
import json
import sys
import time
from typing import Any

from benchmarks.database import PLAN_FILE
from benchmarks.tally import Tally
from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.runtime.process import freeze_startup

# The end of a drain is told at once, also where slow handlers of another task go on. Until then a line every now and
# then will do: each is a switch of processes, and a hundred a second cost a tenth of a drain's speed.
LOOK = 0.005
TELL = 0.25


async def main(url: str, queues: list[str]) -> None:
    tally, told_at, told, seen = Tally(), 0.0, (0, 0), 0
    orchestrator = Orchestrator.from_plan(PLAN_FILE, queues=queues, url=url, deps=tally)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    async with orchestrator:
        freeze_startup()
        while not ended.done():
            now, state = time.monotonic(), (tally.count, held(orchestrator))
            rests = state[1] == 0 or tally.count == seen
            if state != told and (rests or now > told_at + TELL):
                print(json.dumps(progress(tally, state[1])), flush=True)
                told_at, told = now, state
            seen = tally.count
            await asyncio.sleep(LOOK)


def held(orchestrator: Orchestrator) -> int:
    """Executions that were claimed and are not yet settled."""
    workers = orchestrator.info().workers
    return sum(worker.buffered + worker.running + worker.unsettled for worker in workers)


def progress(tally: Tally, held: int) -> dict[str, Any]:
    stamps, tally.stamps = tally.stamps, []
    return {"count": tally.count, "total": tally.total, "held": held, "stamps": stamps}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
