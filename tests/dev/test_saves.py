"""Saves under load: nothing is lost, nothing that completed runs again; and how soon a save takes effect."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.cli.project import HANDLERS, Shop
from tests.dev.driver import Dev, until

Start = Callable[..., Dev]

TABLE = (
    "create table ledger (id uuid, version int, started_at timestamptz default clock_timestamp(), ended_at timestamptz)"
)

# Beside the usual: a task that writes down when it ran, and by which version of the code.
WORK = """
import os

import psycopg

VERSION = 0


async def greet(payload: GreetPayload, ctx: tasks.Context) -> GreetResult:
    async with await psycopg.AsyncConnection.connect(os.environ["SHOP_DATABASE"], autocommit=True) as connection:
        run = (ctx.execution_id, VERSION)
        await connection.execute("insert into ledger (id, version) values (%s, %s)", run)
        await asyncio.sleep(0.05)
        await connection.execute("update ledger set ended_at = clock_timestamp() where (id, version) = (%s, %s)", run)
    return GreetResult(message=f"{VERSION}")
"""


@pytest.fixture
def ledger(shop: Shop) -> Shop:
    with psycopg.connect(shop.database, autocommit=True) as connection:
        connection.execute(TABLE)
    (shop.folder / "shop" / "work.py").write_text(HANDLERS + WORK)
    return shop


def save(shop: Shop, version: int) -> float:
    """Save another version of the code: of the same size, and often within the same second. Returns when."""
    work = shop.folder / "shop" / "work.py"
    work.write_text((HANDLERS + WORK).replace("VERSION = 0", f"VERSION = {version:04d}".replace("= 0", "= 1", 1)))
    return time.monotonic()


@contextmanager
def load(shop: Shop, every: float) -> Iterator[list[str]]:
    """Enqueue all the time. Yields the ids of what was acknowledged."""
    ids: list[str] = []
    ending = threading.Event()

    def enqueue() -> None:
        while not ending.wait(every):
            ids.append(shop.invoke_in_sql("greet", {"name": "x"}))

    thread = threading.Thread(target=enqueue)
    thread.start()
    try:
        yield ids
    finally:
        ending.set()
        thread.join()


def verify(shop: Shop, ids: list[str]) -> None:
    until(lambda: shop.states() == {"completed": len(ids)})
    found = {str(id) for (id,) in shop.rows("select id from pgconductor.executions")}
    assert found == set(ids)
    again = (
        "select count(*)::int from ledger l join pgconductor.executions e using (id) where l.started_at > e.finished_at"
    )
    assert shop.rows(again) == [(0,)], "a completed execution ran again"
    twice = (
        "select count(*)::int from (select id from ledger where ended_at is not null group by id having count(*) > 1) t"
    )
    assert shop.rows(twice) == [(0,)], "an execution ran to its end twice"
    assert shop.rows("select max(attempts) from pgconductor.executions") == [(1,)], "a save cost an attempt"


def saves_under_load(shop: Shop, dev: Start, count: int) -> None:
    session = dev(shop, "--log-level", "warning")
    until(lambda: session.serving())
    with load(shop, every=0.02) as ids:
        for version in range(1, count + 1):
            save(shop, version)
            if version % 5 == 0:
                config = shop.folder / "conductor.toml"
                extra = f'\n[tasks.extra_{version}]\nhandler = "shop.work:stumble"\n' if version % 10 else ""
                config.write_text(config.read_text() + f"# {version}\n" + extra)
            # Some follow each other too quickly to be served one by one; every fifth is waited for.
            time.sleep(0.1 + 0.2 * (version % 3))
            if version % 5 == 0:
                until(lambda newest=1000 + version: _has_run(shop, newest))  # type: ignore[misc]
    verify(shop, ids)
    assert session.stop() == 130
    assert "Traceback" not in session.seen


def test_saves_under_load_lose_nothing_and_run_nothing_again(ledger: Shop, dev: Start) -> None:
    saves_under_load(ledger, dev, 10)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_saves_under_load_lose_nothing_and_run_nothing_again(ledger: Shop, dev: Start) -> None:
    saves_under_load(ledger, dev, 100)


def test_a_save_takes_effect_soon(ledger: Shop, dev: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Python within 1.5 s and a contract within 2.5 s on a machine that has nothing else to do; here with room."""
    session = dev(ledger, "--log-level", "debug")
    mark = session.serves()
    mark = session.wait_for(r"is warm[\s\S]*is warm", since=mark)
    python = _until_first_execution(ledger, save(ledger, 1), 1001)
    session.wait_for("is warm", since=mark)
    ledger.edit('name = "str"', 'name = "str"\n"title?" = "str"')
    contract = _until_first_execution(ledger, save(ledger, 2), 1002)
    with capsys.disabled():
        print(f"\nfrom a save to the first execution: Python {python:.2f} s, contract {contract:.2f} s")
    assert python < 6
    assert contract < 8


def _has_run(shop: Shop, version: int) -> bool:
    return bool(shop.rows(f"select exists (select from ledger where version = {version})")[0][0])


def _until_first_execution(shop: Shop, saved: float, version: int) -> float:
    with load(shop, every=0.02):
        until(lambda: _has_run(shop, version))
        return time.monotonic() - saved
