"""pgqueuer: asyncpg and uvloop, its faster driver and loop by its own benchmark."""

import importlib.metadata
import os

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.peers.payload import Payload
from benchmarks.peers.protocol import BATCH, Tally, serve, wait_for_go

# Its default of 10 drains 4,900 jobs/s on two cores and 100 drains 14,300; 200, 500 and 2,000 do 14,400, 15,900 and
# 13,400. Several consumers in the process, as its own tools/benchmark.py has them, gained nothing: 5 at 100 did 12,200.
BATCH_SIZE = 500


async def setup(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    await Queries(AsyncpgDriver(connection)).install()
    await connection.close()
    return {
        "version": importlib.metadata.version("pgqueuer"),
        "settings": f"asyncpg, uvloop, batch_size {BATCH_SIZE}, durability balanced",
        "pending": "select exists (select from pgqueuer)",
    }


async def enqueue(dsn: str, jobs: int) -> None:
    queries = Queries(AsyncpgDriver(await asyncpg.connect(dsn)))
    wait_for_go()
    for start in range(0, jobs, BATCH):
        numbers = range(start, min(start + BATCH, jobs))
        payloads = [Payload(i=i).model_dump_json().encode() for i in numbers]
        await queries.enqueue(["noop"] * len(numbers), payloads, [0] * len(numbers))


async def drain(dsn: str, tally: Tally) -> None:
    pgq = PgQueuer(AsyncpgDriver(await asyncpg.connect(dsn)))

    @pgq.entrypoint("noop")
    async def noop(job: Job) -> None:
        tally.add(Payload.model_validate_json(job.payload or b"").i)

    wait_for_go()
    await pgq.run(batch_size=BATCH_SIZE)


if __name__ == "__main__":
    # "balanced": jobs are logged tables, safe across a crash; only the log and the statistics are unlogged.
    os.environ["PGQUEUER_DURABILITY"] = "balanced"
    uvloop.run(serve(setup, enqueue, drain))
