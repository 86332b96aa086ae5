"""What `status`, `queues list` and `top` say of the queues: the same figures, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pgconductor.cli.figures import ago, iso, many, per_minute
from pgconductor.store.depth import QueueDepth
from pgconductor.store.rates import Rates
from pgconductor.store.status import Status

HEADINGS = (
    "queue", "state", "ready", "oldest", "scheduled", "running", "waiting", "completed/min", "failed/min", "workers",
)  # fmt: skip


def cells(status: Status, queue: QueueDepth) -> tuple[str, ...]:
    """A queue's line under HEADINGS."""
    workers = status.serving(queue.name)
    slots = sum(worker.concurrency for worker in workers)
    at_least = "" if queue.exact or queue.oldest is None else ">"
    return (
        queue.name,
        "paused" if queue.paused else "open",
        many(queue.ready, exact=queue.exact),
        at_least + ago(queue.oldest, status.now),
        many(queue.scheduled, exact=queue.exact),
        f"{queue.running:,}/{slots:,}" if slots else f"{queue.running:,}",
        many(queue.waiting, exact=queue.exact),
        completed(status.rates, queue.name),
        per_minute(status.rates.of("failed", queue=queue.name)),
        str(len(workers)),
    )


def completed(rates: Rates, queue: str, task: str | None = None) -> str:
    """Completed executions a minute; "+" where some leave no trace, "?" where none does."""
    rate = rates.of("completed", queue=queue, task=task)
    if task is not None:
        return "?" if (queue, task) in rates.unkept else per_minute(rate)
    return per_minute(rate) + ("+" if any(of == queue for of, _ in rates.unkept) else "")


def legend(queues: Sequence[QueueDepth], rates: Rates) -> Iterator[str]:
    """What the marks in the lines above mean, for those that are there."""
    if any(not queue.exact for queue in queues):
        yield "~ estimated from a sample, within a few percent; > at least"
    unkept = sorted({task for _, task in rates.unkept})
    if unkept:
        keys = ", ".join(f"`{task}`" for task in unkept)
        yield f'+ not counted are completed executions of {keys}: retention.completed is "0s"'


def as_object(status: Status, queue: QueueDepth) -> dict[str, Any]:
    """A queue for programs. Counts are estimates where `exact` is false; a rate that is not known is null."""
    unkept = [task for of, task in status.rates.unkept if of == queue.name]
    workers = status.serving(queue.name)
    return {
        "queue": queue.name,
        "paused": queue.paused,
        "exact": queue.exact,
        "ready": queue.ready,
        "scheduled": queue.scheduled,
        "running": queue.running,
        "waiting": queue.waiting,
        "oldest": iso(queue.oldest),
        "oldest_seconds": None if queue.oldest is None else round((status.now - queue.oldest).total_seconds(), 3),
        "next_due": iso(queue.next_due),
        "completed_per_minute": round(status.rates.of("completed", queue=queue.name), 1),
        "failed_per_minute": round(status.rates.of("failed", queue=queue.name), 1),
        "cancelled_per_minute": round(status.rates.of("cancelled", queue=queue.name), 1),
        "not_counted": sorted(unkept),
        "workers": len(workers),
        "slots": sum(worker.concurrency for worker in workers),
    }
