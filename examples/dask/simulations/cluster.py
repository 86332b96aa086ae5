"""What `executor = "simulations.cluster:connect"` names: anything that returns a `concurrent.futures.Executor`."""

from __future__ import annotations

import os
from concurrent.futures import Executor

from distributed import Client, LocalCluster


def connect() -> Executor:
    """The cluster at `DASK_SCHEDULER`, or one of two processes on this machine."""
    address = os.environ.get("DASK_SCHEDULER")
    client = (
        Client(address) if address else Client(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
    )
    executor: Executor = client.get_executor(pure=False)
    return executor
