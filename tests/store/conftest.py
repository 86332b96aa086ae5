"""Fixtures of the storage's tests: a database that the plan was applied to, and workers by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgconductor.plan.model import Plan
from pgconductor.store.apply import apply
from tests.database import clone
from tests.observer import Observer
from tests.plans import make_plan, task
from tests.store.hand import Hand, hand

# Nobody beats for these workers: a test that is held up must not lose one.
LEASE_MS = 300_000

NewHand = Callable[..., Awaitable[Hand]]


@pytest.fixture(scope="session")
def plan() -> Plan:
    """One queue with an open lane and a limited task, and a second queue."""
    return make_plan(
        task("plain"),
        task("newer", version=3),
        task("limited", limit=2),
        task("stubborn", retry={"max_attempts": None}),
        task("elsewhere", queue="other"),
        queues={name: {"lease_ms": LEASE_MS} for name in ("default", "other")},
    )


@pytest.fixture(scope="session")
def template(server: str, plan: Plan) -> Iterator[str]:
    with clone(server) as dsn:
        apply(dsn, plan)
        yield dsn


@pytest.fixture
def dsn(server: str, template: str) -> Iterator[str]:
    """A database like new, with the plan applied."""
    with clone(server, str(conninfo_to_dict(template)["dbname"])) as copy:
        yield copy


@pytest.fixture
def observer(dsn: str) -> Iterator[Observer]:
    with Observer(dsn) as found:
        yield found


@pytest.fixture
async def new_hand(dsn: str, plan: Plan) -> AsyncIterator[NewHand]:
    """Makes workers."""
    async with AsyncExitStack() as stack:

        async def make(queue: str = "default", of: Plan = plan) -> Hand:
            return await stack.enter_async_context(hand(dsn, of, queue))

        yield make
