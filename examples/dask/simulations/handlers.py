"""An ordinary handler. It runs in a Dask worker, which needs this project installed like any other code it runs."""

from __future__ import annotations

import random

from simulations.conductor import tasks
from simulations.conductor.models import EstimatePiPayload, EstimatePiResult


def estimate_pi(payload: EstimatePiPayload, ctx: tasks.SyncContext) -> EstimatePiResult:
    draw = random.Random(payload.seed).random
    hits = sum(draw() ** 2 + draw() ** 2 <= 1 for _ in range(payload.darts))
    return EstimatePiResult(pi=4 * hits / payload.darts)
