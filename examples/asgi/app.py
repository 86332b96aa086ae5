"""A web application that runs its own workers: the orchestrator lives as long as the application does.

    uvicorn examples.asgi.app:app
    curl -X POST localhost:8000/reports

For more than one web process, or for heavier work, run `pgconductor run` beside them: workers of different processes
never disturb each other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.conductor import Conductor, tasks
from pgconductor import ExecutionFailed, Orchestrator, ResultTimeout


class State(TypedDict):
    conductor: Conductor


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[State]:
    """Start the workers with the application; when it stops, let what runs end and give the rest back."""
    orchestrator = Orchestrator.from_plan(Conductor.plan_path, queues=["default"])
    async with orchestrator, Conductor.connect() as conductor:
        yield {"conductor": conductor}


async def order_report(request: Request) -> JSONResponse:
    conductor: Conductor = request.state.conductor
    execution = await conductor.sales_report()
    return JSONResponse({"id": str(execution.id)}, status_code=202)


async def read_report(request: Request) -> JSONResponse:
    conductor: Conductor = request.state.conductor
    execution = conductor.execution(request.path_params["id"], tasks.sales_report)
    try:
        report = await execution.result(timeout="5s")
    except ResultTimeout:
        return JSONResponse({"state": "pending"}, status_code=202)
    except ExecutionFailed as error:
        return JSONResponse({"error": str(error)}, status_code=500)
    return JSONResponse(report.model_dump(mode="json"))


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/reports", order_report, methods=["POST"]),
        Route("/reports/{id:uuid}", read_report),
    ],
)
