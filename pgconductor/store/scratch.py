"""Databases that live as long as a test: copies of a template, on a server that may hold others' too."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

from pgconductor.errors import DatabaseError
from pgconductor.store.session import open_blocking

PREFIX = "pgconductor_scratch"


class Scratch:
    """The databases of one session of tests.

    An advisory lock tells that the session lives: whoever comes later drops what a killed one left behind.

    Args:
        server: a connection string of any database of the server, as a role that may create databases.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._session = secrets.token_hex(4)
        self._connection = open_blocking(server, "pgconductor testing")

    def __enter__(self) -> Self:
        """Drop what dead sessions left."""
        _lock(self._connection, self._session)
        for name in _names(self._connection):
            session = name.split("_")[2]
            if session != self._session and _lock(self._connection, session):
                self._drop(name)
                _unlock(self._connection, session)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop everything that is left of this session."""
        for name in _names(self._connection):
            if name.split("_")[2] == self._session:
                self._drop(name)
        self._connection.close()

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The connection string of a new database, which is dropped at the end, whoever is still connected.

        Args:
            template: the name of a database that nobody is connected to.
        """
        url = self.create(template)
        try:
            yield url
        finally:
            self._drop(database_name(url))

    def create(self, template: str = "template0") -> str:
        """The connection string of a new database, which is dropped at the end of the session.

        Raises:
            DatabaseError: this role may not create databases.
        """
        name = f"{PREFIX}_{self._session}_{next(self._numbers)}"
        create = sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
        try:
            self._connection.execute(create)
        except psycopg.errors.InsufficientPrivilege:
            role = self._connection.info.user
            raise DatabaseError(
                f"the role `{role}` may not create databases for tests; as a superuser: alter role {role} createdb"
            ) from None
        return with_database(self._server, name)

    def _drop(self, name: str) -> None:
        self._connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def with_database(url: str, name: str) -> str:
    """The same server, another database.

    >>> with_database("postgresql://app@db/app?sslmode=require", "other")
    'postgresql://app@db/other?sslmode=require'
    """
    if "://" in url:
        return urlsplit(url)._replace(path=f"/{name}").geturl()
    return make_conninfo(url, dbname=name)


def database_name(url: str) -> str:
    """The database that a connection string names."""
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def _names(connection: Connection) -> list[str]:
    rows = connection.execute("select datname from pg_database where starts_with(datname, %s) order by 1", (PREFIX,))
    return [row[0] for row in rows.fetchall()]


def _lock(connection: Connection, session: str) -> bool:
    row = connection.execute(
        "select pg_try_advisory_lock(hashtextextended(%s, 0))", (f"{PREFIX} {session}",)
    ).fetchone()
    return row is not None and bool(row[0])


def _unlock(connection: Connection, session: str) -> None:
    connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (f"{PREFIX} {session}",))
