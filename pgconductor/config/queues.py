"""`[queues.<name>]` and `[defaults.queue]`."""

from __future__ import annotations

from pgconductor.config import reference
from pgconductor.config.model import DAY, MINUTE
from pgconductor.config.readers import boolean, choice, duration, integer
from pgconductor.config.shape import Key, Shape

QUEUE = Shape(
    {
        "worker_concurrency": Key("worker_concurrency", integer(1, 10_000)),
        "poll_interval": Key("poll_interval_ms", duration(10, 60 * MINUTE)),
        "fetch_batch_size": Key("fetch_batch_size", integer(1, 100_000)),
        "flush_batch_size": Key("flush_batch_size", integer(1, 100_000)),
        "lease": Key("lease_ms", duration(200, DAY)),
        "drain_timeout": Key("drain_timeout_ms", duration(0, DAY)),
        "executor": Key("executor", reference.executor),
        "processes": Key("processes", integer(1, 256)),
        "durability": Key("durability", choice("strict", "relaxed")),
        "paused_on_create": Key("paused_on_create", boolean),
    }
)
