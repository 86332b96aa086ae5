"""The fixtures every other test stands on."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.database import PrivateServer, clone, execute, with_database


def test_two_databases_do_not_see_each_other(database: str, server: str) -> None:
    execute(database, "create table only_here ()")
    with clone(server) as other, psycopg.connect(other) as connection:
        assert connection.execute("select to_regclass('only_here')").fetchone() == (None,)


def test_a_clone_has_what_its_template_has(database: str, server: str) -> None:
    execute(database, "create table inherited ()")
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with clone(server, str(name)) as copy, psycopg.connect(copy) as connection:
        assert connection.execute("select to_regclass('inherited')::text").fetchone() == ("inherited",)


def test_a_clone_goes_even_when_somebody_is_connected(server: str) -> None:
    with clone(server) as dsn:
        connection = psycopg.connect(dsn)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    connection.close()


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate", "kill"])
def test_a_private_server_comes_back_with_its_data_after_every_kind_of_stop(
    private_server: PrivateServer, mode: str
) -> None:
    execute(private_server.dsn, "create table kept ()")
    before = private_server.dsn
    private_server.restart(mode)  # type: ignore[arg-type]
    assert private_server.cluster.url() == before
    with psycopg.connect(private_server.dsn) as connection:
        assert connection.execute("select to_regclass('kept')::text").fetchone() == ("kept",)


def test_another_database_of_a_url_and_of_a_conninfo() -> None:
    assert with_database("postgresql://u@/a?host=%2Ftmp", "b") == "postgresql://u@/b?host=%2Ftmp"
    assert psycopg.conninfo.conninfo_to_dict(with_database("host=/tmp dbname=a", "b")) == {
        "host": "/tmp",
        "dbname": "b",
    }


def test_the_shared_folder_is_not_one_tests_own(shared_folder: Path, tmp_path: Path) -> None:
    assert shared_folder in tmp_path.parents
