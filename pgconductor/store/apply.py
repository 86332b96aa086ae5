"""Bring a database in line with a plan. Racing processes converge; what they would lose is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from psycopg import Connection, sql

from pgconductor.errors import DatabaseError, DestructiveChange, SchemaMismatch
from pgconductor.plan.model import Plan
from pgconductor.store.catalog import Catalog, read_catalog
from pgconductor.store.changes import Change, Kept, bring_home, changes, removals, verify
from pgconductor.store.queued import Queued, queued_otherwise
from pgconductor.store.session import open_blocking
from pgconductor.store.statements import statement
from pgconductor.store.strays import find_strays

OLDEST_SERVER = 14


@dataclass(frozen=True)
class Difference:
    """What apply would do to a database, or did.

    Attributes:
        changes: in order.
        kept: what the plan no longer has and the database keeps, with the reason.
        queued: what is queued of tasks whose contract changes. Only `diff` counts it.
    """

    changes: tuple[Change, ...]
    kept: tuple[Kept, ...] = ()
    queued: tuple[Queued, ...] = ()


def diff(url: str, plan: Plan) -> Difference:
    """What `apply` would do; nothing is written.

    Raises:
        DatabaseUnreachable, SchemaMismatch, DestructiveChange: as `apply` would.
    """
    with open_blocking(url, "pgconductor diff") as connection:
        found = _difference(connection, plan, remove=True)
        return replace(found, queued=queued_otherwise(connection, plan, read_catalog(connection, plan)))


def apply(url: str, plan: Plan, *, remove: bool = True) -> Difference:
    """Create what `plan` needs.

    Args:
        url: a libpq connection string, not through a pooler where it can be helped.
        remove: also take away what the plan no longer has, where `[[removed]]` and `[[moved]]` say so or nothing is
            lost, and take executions along to the queue that their task is on now. `pgconductor run` passes False.

    Raises:
        DatabaseUnreachable: no connection could be made.
        SchemaMismatch: the schema is another application's, or newer than the plan.
        DestructiveChange: executions would be lost. Nothing was written.
    """
    with open_blocking(url, "pgconductor apply") as connection:
        if _needs_nothing(connection, plan, remove):
            return Difference(())
        # The lock lives in a transaction of a second connection: it survives poolers, and lets indexes be built
        # concurrently, which no transaction may.
        with open_blocking(url, "pgconductor apply lock") as guard, _exclusive(guard, plan):
            return _apply(connection, plan, remove)


def pending(url: str, plan: Plan) -> tuple[Change, ...]:
    """What a worker of `plan` still lacks in the database: the check of `apply = "verify"`."""
    with open_blocking(url, "pgconductor verify") as connection:
        return _difference(connection, plan, remove=False).changes


def _needs_nothing(connection: Connection, plan: Plan, remove: bool) -> bool:
    found = _difference(connection, plan, remove)
    return not found.changes and not found.kept and _registered(connection, plan)


def _difference(connection: Connection, plan: Plan, remove: bool) -> Difference:
    catalog = _checked_catalog(connection, plan)
    todo = changes(plan, catalog)
    if not remove:
        return Difference(tuple(change for change in todo if not change.removes))
    drops, kept = removals(plan, catalog)
    strays = find_strays(connection, plan) if catalog.migrations else []
    return Difference((*todo, *bring_home(plan, strays), *drops), tuple(kept))


def _checked_catalog(connection: Connection, plan: Plan) -> Catalog:
    version = connection.info.server_version // 10000
    if version < OLDEST_SERVER:
        raise SchemaMismatch(f"PostgreSQL {version} is too old; pgconductor needs {OLDEST_SERVER} or newer")
    try:
        catalog = read_catalog(connection, plan)
    except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable) as error:
        raise _taken(plan, error) from None
    verify(plan, catalog)
    return catalog


def _taken(plan: Plan, error: psycopg.Error) -> SchemaMismatch:
    return SchemaMismatch(
        f"schema `{plan.schema_name}` has something in it that bears a name of pgconductor's and is not its own "
        f"({_first_line(error)}); set another `schema` in [conductor], or give this application its own database"
    )


@contextmanager
def _exclusive(guard: Connection, plan: Plan) -> Iterator[None]:
    # Without parameters, so by the simple protocol: the portal of the extended one keeps its snapshot until the next
    # statement, and an index that is built concurrently waits for every older snapshot: for this one, for ever.
    lock = sql.SQL("select pg_advisory_xact_lock(hashtextextended({}, 0))")
    with guard.transaction():
        guard.execute(lock.format(f"{plan.schema_name}.apply"))
        yield


def _apply(connection: Connection, plan: Plan, remove: bool) -> Difference:
    todo = _difference(connection, plan, remove)
    try:
        with connection.transaction():
            _set_lock_timeout(connection, plan)
            _execute(connection, statement("bootstrap", plan.schema_name))
            for change in todo.changes:
                if not change.concurrently:
                    _run(connection, change)
            _register(connection, plan)
        for change in todo.changes:
            if change.concurrently:
                _run(connection, change)
    except psycopg.errors.LockNotAvailable as error:
        raise DatabaseError(
            f"a lock was not to be had within {plan.database.lock_timeout_ms} ms ({_first_line(error)}); nothing was "
            "changed. Try again when long transactions have ended, or raise `lock_timeout` in [database]"
        ) from None
    except (
        psycopg.errors.DuplicateTable,
        psycopg.errors.DuplicateObject,
        psycopg.errors.DuplicateFunction,
    ) as error:
        raise _taken(plan, error) from None
    except psycopg.errors.ObjectInUse as error:
        raise DestructiveChange(f"{_first_line(error)}; nothing was changed, apply again") from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(f"this role may not apply the plan: {_first_line(error)}") from None
    return todo


def _run(connection: Connection, change: Change) -> None:
    for text, values in change.queries:
        _execute(connection, text, values)


def _execute(connection: Connection, text: str, values: object = None) -> None:
    # Without values psycopg reads no placeholders, so a literal % in DDL stays what it is.
    connection.execute(text, values)  # type: ignore[call-overload]


def _set_lock_timeout(connection: Connection, plan: Plan) -> None:
    connection.execute(sql.SQL("set local lock_timeout = {}").format(plan.database.lock_timeout_ms))


def _register(connection: Connection, plan: Plan) -> None:
    schema = sql.Identifier(plan.schema_name)
    name = sql.SQL("insert into {}.application (name) values (%s) on conflict do nothing").format(schema)
    connection.execute(name, (plan.name,))
    connection.execute(
        sql.SQL(
            "insert into {0}.maintenance (job, ran_at) select job, '-infinity' from unnest(%s::text[]) as job"
            " on conflict do nothing"
        ).format(schema),
        (["rescue", "prune", "history"],),
    )
    connection.execute(
        sql.SQL(
            "insert into {0}.plans (structure, tunables, applied_at) values (%s, %s, {0}.clock())"
            " on conflict do nothing"
        ).format(schema),
        (plan.hashes.structure, plan.hashes.tunables),
    )


def _registered(connection: Connection, plan: Plan) -> bool:
    query = sql.SQL("select exists (select from {}.plans where structure = %s and tunables = %s)")
    values = (plan.hashes.structure, plan.hashes.tunables)
    row = connection.execute(query.format(sql.Identifier(plan.schema_name)), values).fetchone()
    return row is not None and bool(row[0])


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
