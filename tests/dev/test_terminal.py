"""`pgconductor dev` on a terminal: the footer, the keys, and the terminal as it was found."""

from __future__ import annotations

import contextlib
import signal
import termios
from collections.abc import Callable

import pytest

from tests.cli.project import Shop
from tests.dev.driver import Dev, is_alive, until

Start = Callable[..., Dev]


@pytest.fixture
def session(shop: Shop, dev: Start) -> Dev:
    session = dev(shop, terminal=True)
    session.serves()
    return session


def settings(session: Dev) -> list[object]:
    return termios.tcgetattr(session._theirs)


def test_the_footer_shows_queues_plan_done_and_failed(session: Dev) -> None:
    session.wait_for(r"shop.*serving.*plan .*[0-9a-f]{8}.*generation 1.*0 done.*0 failed")
    session.wait_for(r"default 0/10.*slow 0/2")
    session.wait_for("r.*restart.*g.*generate.*p.*pause.*i.*invoke.*q.*quit")
    session.shop.invoke_in_sql("greet", {"name": "x"})
    session.shop.invoke_in_sql("stumble", {})
    session.wait_for("1 done.*1 failed")


def test_r_restarts_g_generates_p_pauses_and_q_quits(session: Dev) -> None:
    session.press("r")
    session.serves(2)
    models = session.shop.folder / "shop" / "conductor" / "models.py"
    models.unlink()
    session.press("g")
    session.wait_for("generated: shop/conductor/models.py")
    session.press("p")
    mark = session.wait_for("paused: what runs goes on")
    session.wait_for("p.*resume", since=mark)
    session.shop.invoke_in_sql("greet", {"name": "x"})
    # A new generation is paused too.
    session.press("r")
    session.wait_for("generation 3 serves", since=mark)
    assert session.shop.states() == {"ready": 1}
    session.press("p")
    session.wait_for("resumed", since=mark)
    until(lambda: session.shop.states() == {"completed": 1})
    session.press("q")
    assert session.ends() == 0
    assert "stopped: 1 completed" in session.seen


def test_i_invokes_a_task_whose_payload_is_edited_until_it_is_valid(session: Dev) -> None:
    session.press("i")
    mark = session.wait_for("task, by number or name: ")
    session.press("gr\n")
    mark = session.wait_for(r'payload: \{"name": ""\}', since=mark)
    session.press("\x7f\x7f1}\n")  # {"name": "1}
    mark = session.wait_for("payload of task `greet` refused", since=mark)
    mark = session.wait_for(r'payload: \{"name": "1\}', since=mark)
    session.press('\x7f"}\n')
    mark = session.wait_for("[0-9a-f]{8}-[0-9a-f]{4}-", since=mark)
    session.wait_for("1 done", since=mark)
    assert session.shop.rows("select payload ->> 'name' from pgconductor.executions") == [("1",)]


def test_ctrl_c_at_the_prompt_leaves_the_prompt_alone(session: Dev) -> None:
    session.press("i")
    mark = session.wait_for("task, by number or name: ")
    # Python sees one that comes between a prompt and its `input()` only when something more is typed.
    for _ in range(5):
        session.press("\x03")
        with contextlib.suppress(AssertionError):
            session.wait_for("serving", since=mark, seconds=5)
            break
    session.wait_for("serving", since=mark, seconds=1)
    session.press("q")
    assert session.ends() == 0


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(shop: Shop, dev: Start) -> None:
    session = dev(shop, terminal=True, shell=True)
    session.serves()
    mark = session.wait_for("default 0/10")
    until(lambda: settings(session) != session.settings)
    session.press("\x1a")
    mark = session.wait_for("Stopped", since=mark)
    assert settings(session) == session.settings
    assert "\x1b[?25h" in session.seen[session.seen.rindex("\x1b[?25l") :], "the cursor is shown again"
    # What the workers do does not wait for the terminal.
    shop.invoke_in_sql("greet", {"name": "x"})
    until(lambda: shop.states() == {"completed": 1})
    session.press("fg\n")
    mark = session.wait_for("1 done", since=mark)
    assert settings(session) != session.settings
    session.press("q")
    session.wait_for("stopped: 1 completed", since=mark)
    until(lambda: settings(session) == session.settings)
    session.press("exit\n")
    assert session.ends() == 0


@pytest.mark.parametrize("how", ["ctrl-c", "SIGTERM", "SIGHUP", "q"])
def test_the_terminal_is_left_as_it_was_found(session: Dev, how: str) -> None:
    assert settings(session) != session.settings
    workers = session.workers()
    if how == "ctrl-c":
        session.press("\x03")
    elif how == "q":
        session.press("q")
    else:
        session.process.send_signal(getattr(signal, how))
    assert session.ends() == (130 if how == "ctrl-c" else 0)
    assert settings(session) == session.settings
    assert "\x1b[?25h" in session.seen[session.seen.rindex("\x1b[?25l") :], "the cursor is shown again"
    assert not any(map(is_alive, workers))
