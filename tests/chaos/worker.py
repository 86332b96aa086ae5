"""A worker process for tests: an orchestrator of a plan made by code, with signals, on a given database.

python -m tests.chaos.worker PLAN.json DSN [--drain]
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from pgconductor.plan.model import Plan
from pgconductor.runtime.orchestrator import Orchestrator
from pgconductor.runtime.process import serve


def main() -> int:
    path, url, *options = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("pgconductor.executions").setLevel(logging.ERROR)
    return asyncio.run(_serve(Plan.load(Path(path)), url, drain="--drain" in options))


async def _serve(plan: Plan, url: str, *, drain: bool) -> int:
    orchestrator = Orchestrator(plan, Path(__file__).parents[2], url=url)
    return await serve(orchestrator, drain=drain, on_started=lambda: print("started", flush=True))


if __name__ == "__main__":
    sys.exit(main())
