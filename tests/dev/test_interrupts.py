"""Ctrl-C at any moment of `pgconductor dev`: no work is lost, no process is left, and one clear message is said."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.project import Shop
from tests.command import pgconductor
from tests.dev.driver import Dev, is_alive, until

Start = Callable[..., Dev]

SUMMARY = "stopped: "


def with_grace(shop: Shop, grace: str) -> None:
    shop.edit("[tasks.greet]\n", f'[dev]\ngrace = "{grace}"\n\n[tasks.greet]\n')


def napping(shop: Shop, dev: Start, *, grace: str, seconds: float = 60) -> Dev:
    """A session in which an execution runs for so long."""
    with_grace(shop, grace)
    session = dev(shop)
    session.serves()
    shop.invoke_in_sql("nap", {"seconds": seconds})
    session.wait_for("napping")
    return session


def interrupt(session: Dev) -> None:
    """One Ctrl-C must be enough."""
    workers = session.workers()
    code = session.stop()
    assert code in (130, -signal.SIGINT)  # the latter while Python itself is still starting
    until(lambda: not any(map(is_alive, workers)))
    if code == 130:
        assert session.seen.count(SUMMARY) == 1, session.seen
        assert "Traceback" not in session.seen
        assert "Error" not in session.seen


@pytest.mark.parametrize("moment", [0.3, 0.8, 1.6])
def test_at_any_moment_of_the_start_it_leaves_nothing_behind(shop: Shop, dev: Start, moment: float) -> None:
    session = dev(shop)
    time.sleep(moment)
    interrupt(session)
    assert shop.rows("select count(*)::int from pgconductor.workers") == [(0,)]


@pytest.mark.parametrize("moment", ["initdb", "postmaster.pid"])
def test_while_the_embedded_postgres_starts_it_leaves_no_server_behind(tmp_path: Path, dev: Start, moment: str) -> None:
    pgconductor("init", "bakery", cwd=tmp_path)
    home = tmp_path / "bakery" / ".pgconductor"
    session = dev(Shop(home.parent, ""))
    until(lambda: [*home.glob("initdb-*")] if moment == "initdb" else (home / "postgres" / moment).exists())
    interrupt(session)
    until(lambda: not processes_with(str(home)))
    # And it starts as if nothing had been.
    session = dev(Shop(home.parent, ""))
    session.serves()
    interrupt(session)
    assert not processes_with(str(home))


@pytest.mark.parametrize("moment", [0.0, 0.2, 0.5, 1.0])
def test_in_the_middle_of_a_save_nothing_is_lost(shop: Shop, dev: Start, moment: float) -> None:
    session = napping(shop, dev, grace="100ms")
    shop.edit('name = "str"', 'name = "str"\n"title?" = "str"')
    time.sleep(moment)
    interrupt(session)
    assert shop.rows("select state, attempts from pgconductor.executions") == [("ready", 0)]
    assert shop.rows("select count(*)::int from pgconductor.workers") == [(0,)]
    shop.run("generate")
    shop.run("generate", "--check")


def test_while_an_import_hangs_it_ends_all_the_same(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    session.serves()
    work = shop.folder / "shop" / "work.py"
    begun = shop.folder / "begun"
    work.write_text(f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(1000)\n" + work.read_text())
    until(begun.exists)
    interrupt(session)


def test_while_an_old_generation_drains_it_gives_back_what_runs_there(shop: Shop, dev: Start) -> None:
    session = napping(shop, dev, grace="50s")
    work = shop.folder / "shop" / "work.py"
    work.write_text(work.read_text().replace("Hello", "Salve"))
    session.serves(2)
    workers = session.workers()
    session.process.send_signal(signal.SIGINT)
    session.wait_for("stopping when what runs has ended")
    assert session.stop() == 130
    until(lambda: not any(map(is_alive, workers)))
    assert shop.rows("select state, attempts from pgconductor.executions") == [("ready", 0)]


def test_it_lets_what_runs_end_and_leaves_nothing_behind(shop: Shop, dev: Start) -> None:
    session = napping(shop, dev, grace="20s", seconds=1)
    workers = session.workers()
    assert session.stop() == 130
    assert session.seen.count("stopping when what runs has ended") == 1
    assert "stopped: 1 completed" in session.seen
    assert shop.states() == {"completed": 1}
    assert not any(map(is_alive, workers))


def test_it_gives_back_what_does_not_end_within_the_grace_and_costs_no_attempt(shop: Shop, dev: Start) -> None:
    session = napping(shop, dev, grace="100ms")
    assert session.stop() == 130
    assert shop.rows("select state, attempts from pgconductor.executions") == [("ready", 0)]
    assert "1 released" in session.seen


def test_a_second_one_gives_back_at_once(shop: Shop, dev: Start) -> None:
    session = napping(shop, dev, grace="50s")
    session.process.send_signal(signal.SIGINT)
    session.wait_for("stopping when what runs has ended")
    assert session.stop() == 130
    assert shop.rows("select state, attempts from pgconductor.executions") == [("ready", 0)]


def processes_with(text: str) -> list[str]:
    """The command lines that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if text in line:
                found.append(line)
    return found
