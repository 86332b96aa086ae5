"""The ceiling of a drain: our claim and a bare settle in a tight loop, without a worker around them.

`python -m benchmarks.ceiling discard|keep WORKER` speaks the protocol of the peers. The tables are those of a queue
that no worker serves; sessions have a worker's settings; no payload is decoded, no handler called, no lease checked.
"""

import os
import sys
from typing import Any

import psycopg

from benchmarks.database import PLAN_FILE
from benchmarks.peers.protocol import say, wait_for_go
from pgconductor.plan.model import Plan
from pgconductor.store.session import CLAIM_SETTINGS, WORKER_SETTINGS
from pgconductor.store.uuids import UuidArray

QUEUE = "raw"
BATCH = 500
FROM_START = {"floor_rank": -1000, "floor_run_at": "-infinity", "floor_id": "00000000-0000-0000-0000-000000000000"}
DELETE = "delete from {schema}.running_raw where id = any (%(ids)s) and worker = %(worker)s and lease = %(lease)s"
DISCARD = DELETE
KEEP = f"""
with gone as ({DELETE} returning *)
insert into {{schema}}.finished (id, run_at, created_at, started_at, finished_at, attempts, priority, version, state,
                                 queue, task, payload, worker)
select id, run_at, created_at, started_at, clock_timestamp(), attempts, priority, version, 'completed', queue, task,
       payload, worker
from gone
"""


def connect(url: str, settings: str) -> psycopg.Cursor[Any]:
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(settings.encode())
    return connection.cursor(binary=True)


def drain(url: str, worker: int, settle: str) -> None:
    """Claim and settle until nothing is left."""
    plan = Plan.load(PLAN_FILE)
    claims, settles = connect(url, WORKER_SETTINGS + CLAIM_SETTINGS), connect(url, WORKER_SETTINGS)
    claim, settle = plan.queues[QUEUE].lanes[0].claim, settle.format(schema=plan.schema_name)
    values: dict[str, Any] = {**FROM_START, "worker": worker, "lease": 1, "limit": BATCH}
    settles.execute(settle.encode(), {**values, "ids": UuidArray([])}, prepare=True)
    wait_for_go()
    count = 0
    while rows := claims.execute(claim.encode(), values, prepare=True).fetchall():
        settles.execute(settle.encode(), {**values, "ids": UuidArray([row[0] for row in rows])}, prepare=True)
        count += len(rows)
    say(done=count)


if __name__ == "__main__":
    verb, worker = sys.argv[1:]
    drain(os.environ["PEER_DSN"], int(worker), {"discard": DISCARD, "keep": KEEP}[verb])
