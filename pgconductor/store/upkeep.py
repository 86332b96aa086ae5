"""All jobs of maintenance, once, whether or not they are due: what a test calls the passing of time."""

from __future__ import annotations

from uuid import uuid4

from pgconductor.store.inspection import inspect
from pgconductor.store.maintenance import Maintenance


def keep_up(url: str, schema: str) -> None:
    """Rescue, prune, and keep the history's partitions."""
    with inspect(url) as connection:
        jobs = Maintenance(connection, schema, uuid4())
        jobs.rescue()
        jobs.prune(lambda: False)
        jobs.keep_history()
