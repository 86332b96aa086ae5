"""`top`: live on the whole terminal, which it leaves as it found it."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import termios
from collections.abc import Iterator
from contextlib import closing

import pytest
from rich.console import Console

from pgconductor.cli.columns import Columns
from pgconductor.cli.dashboard import Dashboard
from pgconductor.cli.keyboard import Keyboard
from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.inspection import inspect
from pgconductor.store.status import read_status
from tests.cli.backstage import put, put_worker
from tests.cli.project import Shop
from tests.cli.terminal import Terminal
from tests.database import PrivateServer

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def top(shop: Shop) -> Iterator[Terminal]:
    put(shop, "ready", "greet", "default", 12_345)
    with closing(Terminal(shop, "top", "--interval", "200ms")) as terminal:
        yield terminal


def modes(terminal: Terminal) -> list[object]:
    return termios.tcgetattr(terminal.theirs)[:4]


def is_clean(terminal: Terminal) -> None:
    text = terminal.seen.decode()
    assert text.count(ENTER) == text.count(LEAVE) == 1
    assert text.rindex(LEAVE) > text.rindex("default")
    assert text.rindex(SHOW) > text.rindex(HIDE)


@pytest.mark.parametrize(("keys", "code"), [("q", 0), ("\x1b", 0), ("\x03", 130)], ids=["q", "escape", "ctrl-c"])
def test_a_key_ends_it_and_the_terminal_is_as_it_was(top: Terminal, keys: str, code: int) -> None:
    before = modes(top)
    top.read_until("12,345")
    assert modes(top) != before, "keys are read without Return"
    top.type(keys)
    assert top.ended() == code
    assert modes(top) == before
    is_clean(top)
    assert "Traceback" not in top.seen.decode()


def test_so_does_a_signal(top: Terminal) -> None:
    before = modes(top)
    top.read_until("12,345")
    top.process.send_signal(signal.SIGTERM)
    assert top.ended() == 128 + signal.SIGTERM
    assert modes(top) == before
    is_clean(top)


def test_it_is_live(top: Terminal, shop: Shop) -> None:
    top.read_until("12,345")
    put(shop, "ready", "greet", "default")
    top.read_until("12,346")
    put_worker(shop, "slow", host="web-7")
    top.read_until("web-7")
    top.type("x")
    put(shop, "ready", "greet", "default")
    top.read_until("12,347")


def test_it_outlives_a_restart_of_postgres(fresh: Shop, private_server: PrivateServer) -> None:
    shop = Shop(fresh.folder, private_server.dsn)
    shop.ask("apply")
    with closing(Terminal(shop, "top", "--interval", "200ms")) as terminal:
        terminal.read_until("workers")
        private_server.stop("fast")
        terminal.read_until("trying again")
        private_server.start()
        put(shop, "ready", "greet", "default", 4321)
        terminal.read_until("4,321")
        terminal.type("q")
        assert terminal.ended() == 0
        is_clean(terminal)


def test_without_a_terminal_it_says_what_does_instead(shop: Shop) -> None:
    assert "`pgconductor status` looks once" in shop.run("top", code=2).stderr
    assert "0.1s is the shortest" in shop.run("top", "--json", "--interval", "0s", code=2).stderr


def test_what_is_wrong_from_the_start_is_said_on_the_ordinary_screen(fresh: Shop) -> None:
    with closing(Terminal(fresh, "top")) as terminal:
        assert terminal.ended() == 6
        assert b"run `pgconductor apply`" in terminal.seen
        assert ENTER.encode() not in terminal.seen


def test_programs_get_an_object_a_line(shop: Shop) -> None:
    with shop.start("top", "--json", "--interval", "100ms") as process:
        assert process.stdout is not None
        looks = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert [queue["queue"] for queue in looks[0]["queues"]] == ["default", "slow"]
    assert looks[0]["time"] < looks[1]["time"] < looks[2]["time"]


def test_no_colour_against_no_color(shop: Shop) -> None:
    with closing(Terminal(shop, "top", env={"NO_COLOR": "1"})) as terminal:
        terminal.read_until("no workers")
        terminal.type("q")
        assert terminal.ended() == 0
        assert b"\x1b[33m" not in terminal.seen


def test_the_last_figures_stay_while_the_database_is_away(shop: Shop) -> None:
    dashboard = Dashboard("shop", "")
    with inspect(shop.database) as connection:
        status = read_status(connection, "pgconductor")
    console = Console(file=io.StringIO(), width=140)
    console.print(dashboard.draw(status, str(DatabaseUnreachable("gone fishing"))))
    assert isinstance(console.file, io.StringIO)
    assert "gone fishing; trying again" in console.file.getvalue()
    assert "slow" in console.file.getvalue()


def test_keys_come_without_return_until_the_terminal_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with Keyboard() as keyboard:
            assert keyboard.read(0) is None
            os.write(ours, b"k")
            assert keyboard.read(5) == "k"
            os.close(ours)
            assert keyboard.read(5) == ""


HEADINGS = ("queue", "state", "ready", "completed/min")
ROWS = [("orders_of_yesterday", "open", "~1,234,567", "0"), ("mail", "paused", "0", "1.5+")]


def drawn(width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(Columns(HEADINGS, ROWS, ("queue",), {}))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_narrow_terminal_cuts_names_then_headings_and_never_a_figure() -> None:
    assert drawn(60) == [
        "queue                state   ready       completed/min",
        "orders_of_yesterday  open    ~1,234,567  0",
        "mail                 paused  0           1.5+",
    ]
    assert drawn(50)[1] == "orders_of_yest…  open    ~1,234,567  0"
    assert drawn(40) == [
        "queue         state   ready       compl…",
        "orders_of_y…  open    ~1,234,567  0",
        "mail          paused  0           1.5+",
    ]
    assert drawn(32)[1] == "orders_of_y…  open    ~1,234,567", "what has no room at all is not there"
