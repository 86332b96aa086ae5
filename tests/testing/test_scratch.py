"""Databases of tests do not outlive their sessions, however those end."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import psycopg

from pgconductor.store.scratch import PREFIX, Scratch


def databases_of(server: str) -> set[str]:
    with psycopg.connect(server) as connection:
        rows = connection.execute(
            "select datname from pg_database where starts_with(datname, %s)", (PREFIX,)
        ).fetchall()
    return {row[0] for row in rows}


def leave_behind(server: str, file: str) -> None:
    with Scratch(server) as scratch:
        Path(file).write_text(scratch.create())
        os._exit(1)


def test_what_a_killed_session_left_is_dropped_by_the_next_and_nothing_else(server: str, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=leave_behind, args=(server, str(tmp_path / "url")))
    process.start()
    process.join(60)
    (left,) = [name for name in databases_of(server) if name in (tmp_path / "url").read_text()]
    with Scratch(server) as living, living.database() as url, Scratch(server):
        assert left not in databases_of(server)
        with psycopg.connect(url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
