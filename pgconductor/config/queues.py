"""`[queues.<name>]` and `[defaults.queue]`."""

from __future__ import annotations

from pgconductor.config import reference
from pgconductor.config.model import DAY, MINUTE, Queue
from pgconductor.config.readers import boolean, choice, duration, integer
from pgconductor.config.shape import Key, Shape

QUEUE = Shape(
    {
        "worker_concurrency": Key(
            "worker_concurrency", integer(1, 10_000), "How many handlers run at once in one process."
        ),
        "poll_interval": Key(
            "poll_interval_ms", duration(10, 60 * MINUTE), "How often an idle worker looks when nothing wakes it."
        ),
        "fetch_batch_size": Key("fetch_batch_size", integer(1, 100_000), "The most rows of one claim."),
        "flush_batch_size": Key("flush_batch_size", integer(1, 100_000), "The most outcomes written at once."),
        "lease": Key(
            "lease_ms",
            duration(200, DAY),
            "How long a worker that is not heard of keeps its executions; others take them up after that.",
        ),
        "drain_timeout": Key(
            "drain_timeout_ms", duration(0, DAY), "How long a worker that stops lets its handlers go on."
        ),
        "executor": Key(
            "executor",
            reference.executor,
            'What runs handlers: "async", "thread", "process", or "module:factory" of your own.',
        ),
        "processes": Key("processes", integer(1, 256), "How many of `run --processes` serve this queue."),
        "durability": Key(
            "durability",
            choice("strict", "relaxed"),
            "relaxed: settling does not wait for the disk; a crash of the server may run the last moments again.",
        ),
        "paused_on_create": Key("paused_on_create", boolean, "Whether the queue is paused when apply creates it."),
    },
    model=Queue,
)
