"""oban for Python: psycopg, one queue."""

import asyncio
import importlib.metadata

from oban import Oban, worker
from oban.job import Job
from oban.schema import install

from benchmarks.peers.payload import Payload
from benchmarks.peers.protocol import BATCH, Tally, serve, wait_for_go

# It acknowledges one job a statement, a batch a transaction: limits of 10, 20 and 50 drain 1,900, 2,300 and 2,900 jobs
# a second on two cores, and from 200 on it stays at 3,300.
LIMIT = 200


@worker()
class Noop:
    tally: Tally

    async def process(self, job: Job) -> None:
        self.tally.add(Payload.model_validate(job.args).i)


async def setup(dsn: str) -> dict[str, str]:
    pool = await Oban.create_pool(dsn)
    await install(pool)
    await pool.close()
    return {
        "version": importlib.metadata.version("oban"),
        "settings": f"queue limit {LIMIT}",
        "pending": "select exists (select from oban_jobs where state <> 'completed')",
    }


async def enqueue(dsn: str, jobs: int) -> None:
    oban = Oban(pool=await Oban.create_pool(dsn))
    wait_for_go()
    for start in range(0, jobs, BATCH):
        await oban.enqueue_many(Noop.new({"i": i}) for i in range(start, min(start + BATCH, jobs)))


async def drain(dsn: str, tally: Tally) -> None:
    Noop.tally = tally
    oban = Oban(pool=await Oban.create_pool(dsn), queues={"default": LIMIT})
    wait_for_go()
    async with oban:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(setup, enqueue, drain))
