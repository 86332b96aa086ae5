"""What commands of an operator are shown: executions and workers put there by SQL."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.cli.project import Shop

SCHEMA = "pgconductor"
COMMON = "id, run_at, created_at, priority, version, queue, task, payload"
NEW = "pgconductor.uuid7(), now() - {age}, now() - {age}, 0, 1, '{queue}', '{task}', '{{}}'"


def execute(shop: Shop, text: str) -> None:
    with psycopg.connect(shop.database, autocommit=True) as connection:
        connection.execute(text)  # type: ignore[call-overload]


def put(shop: Shop, state: str, task: str, queue: str, count: int = 1, age: str = "0", **columns: Any) -> None:
    """Executions in `ready`, `scheduled`, `running` or `waiting`.

    Args:
        age: since when they are due, as the text of an interval; a negative one lies ahead.
        columns: further columns, as SQL.
    """
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", {value}" for value in columns.values())
    new = NEW.format(age=f"interval '{age}'", queue=queue, task=task)
    execute(
        shop, f"insert into {SCHEMA}.{state} ({COMMON}{names}) select {new}{values} from generate_series(1, {count})"
    )


def put_finished(shop: Shop, state: str, task: str, queue: str, count: int = 1, age: str = "1 second") -> None:
    new = NEW.format(age="interval '1 hour'", queue=queue, task=task)
    execute(
        shop,
        f"insert into {SCHEMA}.finished ({COMMON}, finished_at, attempts, state) select {new},"
        f" now() - interval '{age}', 1, '{state}' from generate_series(1, {count})",
    )


def put_worker(shop: Shop, queue: str, *, lease: str = "1 day", host: str = "web-1", pid: int = 4711) -> int:
    """A worker that nobody beats for. Returns its id."""
    with psycopg.connect(shop.database, autocommit=True) as connection:
        row = connection.execute(
            "insert into pgconductor.workers (process, queue, host, pid, plan, concurrency, lease, started_at,"
            " heartbeat_at, expires_at) values (gen_random_uuid(), %s, %s, %s, 'of another', 10, '30s',"
            " now() - interval '90 seconds', now(), now() + %s::interval) returning id",
            (queue, host, pid, lease),
        ).fetchone()
    assert row is not None
    return int(row[0])
