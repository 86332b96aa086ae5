"""What `pgconductor dev` needs and somebody else has: a port, a schema, the embedded Postgres."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cli.project import Shop
from tests.command import pgconductor
from tests.dev.driver import Dev, is_alive, until

Start = Callable[..., Dev]


@pytest.fixture
def stranger() -> Iterator[int]:
    """The port of something that speaks another language than Postgres."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                caller, _ = listener.accept()
                with caller, contextlib.suppress(OSError):
                    caller.recv(100)
                    caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_port_where_something_else_listens_is_said_once_without_the_password(
    fresh: Shop, dev: Start, stranger: int
) -> None:
    session = dev(Shop(fresh.folder, f"postgresql://app:secret@127.0.0.1:{stranger}/shop"))
    mark = session.wait_for("cannot reach the database at postgresql://app:[*]{3}@127.0.0.1")
    # Asked again twice a second: nothing more is said, and what is saved now is read all the same.
    fresh.edit("worker_concurrency = 2", "worker_concurrency = 0")
    session.wait_for(r"error\[CFG\d+\]", since=mark)
    workers = session.workers()
    assert session.stop() == 130
    assert session.seen.count("cannot reach the database") == 1
    assert "secret" not in session.seen
    assert not any(map(is_alive, workers))


def test_a_schema_that_is_somebody_elses_is_said_and_left_as_it_is(fresh: Shop, dev: Start) -> None:
    with psycopg.connect(fresh.database, autocommit=True) as connection:
        connection.execute("create schema pgconductor")
        connection.execute("create table pgconductor.queues (mine text)")
        connection.execute("insert into pgconductor.queues values ('kept')")
    session = dev(fresh)
    session.wait_for("schema `pgconductor` has something in it that bears a name of pgconductor's and is not its own")
    assert session.stop() == 130
    assert "Traceback" not in session.seen
    assert fresh.rows("select mine from pgconductor.queues") == [("kept",)]
    tables = "select count(*)::int from pg_class where relnamespace = 'pgconductor'::regnamespace and relkind = 'r'"
    assert fresh.rows(tables) == [(1,)]


def test_two_sessions_share_the_embedded_postgres_and_the_last_one_stops_it(tmp_path: Path, dev: Start) -> None:
    pgconductor("init", "bakery", cwd=tmp_path)
    bakery = Shop(tmp_path / "bakery", "")
    running = bakery.folder / ".pgconductor" / "postgres" / "postmaster.pid"
    sessions = [dev(bakery), dev(bakery)]
    for session in sessions:
        session.serves()
    work = bakery.folder / "bakery" / "mail.py"
    work.write_text(work.read_text() + "\nSAVED = True\n")
    for session in sessions:  # each may also see what the other generates as a save
        session.wait_for(r"generation [2-9] serves default")
    first, second = sessions
    assert first.stop() == 130
    assert running.exists()
    payload = '{"to": "a@b.c", "subject": "hi"}'
    assert "message_id" in bakery.run("invoke", "send_email", payload, "--wait").stdout
    second.wait_for("completed send_email")
    assert second.stop() == 130
    until(lambda: not running.exists())
