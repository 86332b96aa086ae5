"""procrastinate: one worker with many jobs at once, finished jobs deleted."""

import asyncio
import importlib.metadata

from procrastinate import App, PsycopgConnector

from benchmarks.peers.payload import Payload
from benchmarks.peers.protocol import BATCH, Tally, serve, wait_for_go

# It fetches and finishes one job a statement: 2, 5, 10, 20 and 100 at once all drain 500 to 600 jobs a second on two
# cores, one at a time 300; keeping the finished jobs makes no difference either.
CONCURRENCY = 10
POOL = 10


def application(dsn: str, tally: Tally | None = None) -> App:
    app = App(connector=PsycopgConnector(conninfo=dsn, min_size=POOL, max_size=POOL))

    @app.task(name="noop")
    async def noop(i: int) -> None:
        assert tally is not None
        tally.add(Payload(i=i).i)

    return app


async def setup(dsn: str) -> dict[str, str]:
    app = application(dsn)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
    return {
        "version": importlib.metadata.version("procrastinate"),
        "settings": f"concurrency {CONCURRENCY}, pool of {POOL}, delete_jobs always",
        "pending": "select exists (select from procrastinate_jobs where status in ('todo', 'doing'))",
    }


async def enqueue(dsn: str, jobs: int) -> None:
    app = application(dsn)
    async with app.open_async():
        wait_for_go()
        for start in range(0, jobs, BATCH):
            numbers = range(start, min(start + BATCH, jobs))
            await app.tasks["noop"].batch_defer_async(*({"i": i} for i in numbers))


async def drain(dsn: str, tally: Tally) -> None:
    app = application(dsn, tally)
    async with app.open_async():
        wait_for_go()
        await app.run_worker_async(concurrency=CONCURRENCY, delete_jobs="always")


if __name__ == "__main__":
    asyncio.run(serve(setup, enqueue, drain))
