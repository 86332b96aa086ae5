"""pgconductor: the generated client, one orchestrator, completed executions not kept."""

import asyncio

from benchmarks.database import PLAN_FILE
from benchmarks.jobs.conductor import Conductor
from benchmarks.jobs.conductor.models import NoopPayload
from benchmarks.peers.protocol import BATCH, Tally, serve, wait_for_go
from pgconductor import __version__
from pgconductor.plan.model import Plan
from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.store.apply import apply

QUEUE = "main"


async def setup(dsn: str) -> dict[str, str]:
    plan = Plan.load(PLAN_FILE)
    apply(dsn, plan)
    queue = plan.queues[QUEUE]
    tables = " union all ".join(
        f"select from {plan.schema_name}.{state}_{QUEUE}" for state in ("scheduled", "ready", "running")
    )
    return {
        "version": __version__,
        "settings": f"asyncio, fetch_batch_size {queue.fetch_batch_size}, flush_batch_size {queue.flush_batch_size}",
        "pending": f"select exists ({tables})",
    }


async def enqueue(dsn: str, jobs: int) -> None:
    async with Conductor.connect(dsn) as conductor:
        wait_for_go()
        for start in range(0, jobs, BATCH):
            await conductor.noop.many(NoopPayload(i=i) for i in range(start, min(start + BATCH, jobs)))


async def drain(dsn: str, tally: Tally) -> None:
    orchestrator = Orchestrator.from_plan(PLAN_FILE, queues=[QUEUE], url=dsn, deps=tally)
    wait_for_go()
    async with orchestrator:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(setup, enqueue, drain))
