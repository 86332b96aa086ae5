"""A database with the shop's schema for each test, and conductors on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgconductor.plan.model import Plan
from pgconductor.store.apply import apply
from tests.client.backstage import Backstage
from tests.client.shop import Conductor, SyncConductor, shop_plan
from tests.database import clone


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return shop_plan(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def shop_template(server: str, plan: Plan) -> Iterator[str]:
    """The name of a database that has the schema and no rows."""
    with clone(server) as dsn:
        apply(dsn, plan)
        yield str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def shop(server: str, shop_template: str) -> Iterator[str]:
    """The DSN of a shop's database of this test alone."""
    with clone(server, shop_template) as dsn:
        yield dsn


@pytest.fixture
def backstage(shop: str) -> Iterator[Backstage]:
    """A look at the tables, and a hand in them."""
    with Backstage(shop) as opened:
        yield opened


@pytest.fixture
async def conductor(shop: str, plan: Plan) -> AsyncIterator[Conductor]:
    async with Conductor.connect(shop, plan=plan) as opened:
        yield opened


@pytest.fixture
def sync_conductor(shop: str, plan: Plan) -> Iterator[SyncConductor]:
    with SyncConductor.connect(shop, plan=plan) as opened:
        yield opened
