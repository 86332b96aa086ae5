"""Where a conductor finds its plan and its database, and what it says when it does not."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgconductor.client import BaseConductor, BaseSyncConductor, link
from pgconductor.config.names import RESERVED_TASK_NAMES
from pgconductor.errors import ConductorError, DatabaseUnreachable, PlanError
from pgconductor.plan.model import Plan
from pgconductor.store.endpoint import Endpoint
from pgconductor.store.query import Query
from tests.client.shop import Conductor, Email, SyncConductor

NOWHERE = "postgresql://nobody:secret@127.0.0.1:1/nothing"


def with_database(plan: Plan, **changes: object) -> Plan:
    return plan.model_copy(update={"database": plan.database.model_copy(update=changes)})


def write(plan: Plan, folder: Path) -> Path:
    path = folder / "shop" / "conductor" / "plan.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(plan.to_json(), encoding="utf-8")
    return path


async def test_the_plan_is_the_generated_packages_own(plan: Plan, shop: str, tmp_path: Path) -> None:
    path = write(with_database(plan, url=shop.replace("$", "$$")), tmp_path)

    class Generated(Conductor):
        plan_path = path

    async with Generated.connect() as conductor:
        assert await (await conductor.sweep()).status() == "ready"


async def test_the_url_of_the_plan_is_interpolated_when_it_is_used(
    plan: Plan, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conductor = Conductor.connect(plan=with_database(plan, url="${SHOP_DATABASE}"))
    with pytest.raises(PlanError, match="SHOP_DATABASE is not set"):
        await conductor.open()
    monkeypatch.setenv("SHOP_DATABASE", shop)
    async with conductor:
        await conductor.sweep()


async def test_opening_that_is_cancelled_leaves_no_server_in_use(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, going, uses = threading.Event(), threading.Event(), []

    @contextmanager
    def start_slowly(*values: object, **options: object) -> Iterator[Endpoint]:
        begun.set()
        going.wait(10)
        uses.append("taken")
        yield Endpoint(NOWHERE)
        uses.append("left")

    monkeypatch.setattr(link, "open_endpoint", start_slowly)
    opening = asyncio.create_task(Conductor.connect(plan=plan).open())
    await asyncio.to_thread(begun.wait, 10)
    opening.cancel()
    await asyncio.sleep(0)
    going.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert uses == ["taken", "left"]


@pytest.mark.parametrize("by_variable", [False, True])
async def test_an_environments_overrides_hold(
    plan: Plan, shop: str, monkeypatch: pytest.MonkeyPatch, by_variable: bool
) -> None:
    overrides = {
        "database": {"url": shop},
        "queues": {},
        "tasks": {"send_email": {"priority": 77}},
        "hashes": plan.hashes.model_dump(),
    }
    layered = Plan.model_validate({**plan.model_dump(), "environments": {"staging": overrides}})
    if by_variable:
        monkeypatch.setenv("PGCONDUCTOR_ENV", "staging")
    async with Conductor.connect(env=None if by_variable else "staging", plan=layered) as conductor:
        execution = await conductor.send_email(Email(to="a"))
        rows = await conductor.link.ask(_priority(execution.id.hex))
    assert rows == [(77,)]


def _priority(name: str) -> Query:
    return Query("select priority from pgconductor.executions where id = %(id)s::uuid", {"id": name})


async def test_an_unknown_environment_is_a_plan_error(plan: Plan) -> None:
    with pytest.raises(PlanError, match="no environment `staging`"):
        Conductor.connect(env="staging", plan=plan)


async def test_no_plan_at_all_says_what_to_use(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="use the generated Conductor"):
        Conductor.connect()
    with pytest.raises(PlanError, match="run `pgconductor generate`"):
        Conductor.connect(plan=tmp_path / "plan.json")


async def test_an_unreachable_database_is_said_at_once_and_without_the_password(plan: Plan) -> None:
    conductor = Conductor.connect(NOWHERE, plan=plan)
    with pytest.raises(DatabaseUnreachable, match=r"nobody:\*\*\*@127\.0\.0\.1:1") as info:
        await conductor.open()
    assert "secret" not in str(info.value)


async def test_what_is_not_open_says_how_to_open_it(plan: Plan, shop: str) -> None:
    conductor = Conductor.connect(shop, plan=plan)
    with pytest.raises(ConductorError, match=r"use `async with Conductor\.connect\(\) as conductor:`"):
        await conductor.sweep()
    with pytest.raises(ConductorError, match=r"use `with SyncConductor\.connect\(\) as conductor:`"):
        SyncConductor.connect(shop, plan=plan).sweep()


async def test_opening_twice_is_an_error_and_closing_twice_is_not(plan: Plan, shop: str) -> None:
    conductor = Conductor.connect(shop, plan=plan)
    await conductor.open()
    with pytest.raises(ConductorError, match="is open already"):
        await conductor.open()
    await conductor.close()
    await conductor.close()


async def test_a_closed_conductor_can_be_opened_again(plan: Plan, shop: str) -> None:
    conductor = Conductor.connect(shop, plan=plan)
    for _ in range(2):
        async with conductor:
            await conductor.sweep()


def test_another_event_loop_is_refused(plan: Plan, shop: str) -> None:
    conductor = Conductor.connect(shop, plan=plan)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(conductor.open())
        with pytest.raises(ConductorError, match="opened in another event loop"):
            second.run(_sweep(conductor))
        first.run(conductor.close())


async def _sweep(conductor: Conductor) -> None:
    await conductor.sweep()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told_to_connect_for_itself(plan: Plan, shop: str) -> None:
    with SyncConductor.connect(shop, plan=plan) as conductor:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                conductor.sweep()
            except BaseException as error:
                os.write(write, str(error).encode())
            finally:
                os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read) as said:
            assert "connect one in each process" in said.read()
        conductor.sweep()


async def test_the_pool_is_as_large_as_the_plan_says(plan: Plan, shop: str) -> None:
    small = with_database(plan, pool=plan.database.pool.model_copy(update={"max": 2, "timeout_ms": 300}))
    async with Conductor.connect(shop, plan=small) as conductor:
        nap = Query("select pg_sleep(1)")
        naps = [asyncio.create_task(conductor.link.ask(nap)) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(DatabaseUnreachable, match=r"all 2 connections were busy for 0\.3 s; raise `pool\.max`"):
            await conductor.sweep()
        await asyncio.gather(*naps)
        await conductor.sweep()


async def test_the_statement_timeout_of_the_plan_holds(plan: Plan, shop: str) -> None:
    async with Conductor.connect(shop, plan=with_database(plan, statement_timeout_ms=100)) as conductor:
        with pytest.raises(ConductorError, match="statement timeout"):
            await conductor.link.ask(Query("select pg_sleep(5)"))


def test_no_task_can_hide_a_method_of_a_conductor() -> None:
    """Tasks become methods beside these: the config refuses their names."""
    public = {name for base in (BaseConductor, BaseSyncConductor) for name in dir(base) if not name.startswith("_")}
    assert {*public, "link", "plan"} <= RESERVED_TASK_NAMES


async def test_the_url_is_known_while_it_is_open(plan: Plan, shop: str) -> None:
    conductor = Conductor.connect(shop, plan=plan)
    with pytest.raises(ConductorError, match="is not open"):
        _ = conductor.url
    async with conductor:
        assert conductor.url == shop
