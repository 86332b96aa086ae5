"""Databases to measure on: empty ones with the plan applied, and the work put into them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from pgconductor.plan.model import Plan
from pgconductor.store.apply import apply

PLAN_FILE = Path(__file__).parent / "jobs" / "conductor" / "plan.json"


@dataclass(frozen=True)
class Database:
    """A database that the plan was applied to.

    Attributes:
        connection: the benchmark's own, in autocommit.
    """

    url: str
    connection: psycopg.Connection[Any]
    plan: Plan

    def fill(self, task: str, jobs: int) -> None:
        """Make so many executions ready, with payloads that count from 0. Nobody is woken."""
        self.run(
            "insert into {ready} (id, run_at, created_at, priority, version, queue, task, payload)"
            " select {schema}.uuid7(), {schema}.clock(), {schema}.clock(), 0, 1, %(queue)s, %(task)s,"
            " json_build_object('i', i) from generate_series(0, %(jobs)s - 1) as i",
            task=task, queue=self.plan.tasks[task].queue, jobs=jobs,
        )  # fmt: skip

    def tidy(self, *queues: str) -> None:
        """Do now what autovacuum and the checkpointer would do to some in the middle of their run."""
        schema = self.plan.schema_name
        leaves = [sql.Identifier(schema, f"{state}_{queue}") for queue in queues for state in ("ready", "running")]
        self.connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.SQL(", ").join(leaves)))
        self.run("checkpoint")

    def hold(self, queue: str) -> None:
        """Let nobody claim from a queue."""
        self.run("update {schema}.queues set paused = true where name = %(queue)s", queue=queue)

    def let_go(self, *queues: str) -> None:
        """Let workers claim, and wake them."""
        self.run("update {schema}.queues set paused = false where name = any (%(queues)s)", queues=list(queues))
        self.run("select {schema}.wake(name) from unnest(%(queues)s::text[]) as name", queues=list(queues))

    def tasks_of(self, queues: Collection[str]) -> set[str]:
        return {name for name, task in self.plan.tasks.items() if task.queue in queues}

    def idle_workers(self) -> int:
        """How many workers wait to be woken."""
        return int(self.value("select count(*) from {schema}.workers where idle"))

    def register(self, queue: str) -> int:
        """A worker that exists in the database alone, and whose lease lasts a day.

        Returns:
            Its id.
        """
        return int(
            self.value(
                "insert into {schema}.workers (process, queue, host, pid, plan, concurrency, lease, started_at,"
                " heartbeat_at, expires_at) values (gen_random_uuid(), %(queue)s, '', 0, '', 1, '1 day', now(), now(),"
                " now() + interval '1 day') returning id",
                queue=queue,
            )
        )

    def forget_finished(self) -> None:
        self.run("truncate {schema}.finished")

    def value(self, text: str, **values: Any) -> Any:
        """The first column of the one row that a query gives."""
        row = self.run(text, **values).fetchone()
        assert row is not None
        return row[0]

    def run(self, text: str, **values: Any) -> psycopg.Cursor[Any]:
        """Run a statement in which `{schema}` and the tables of its states may stand."""
        schema = self.plan.schema_name
        tables = {state: sql.Identifier(schema, state) for state in ("scheduled", "ready", "running", "finished")}
        composed = sql.SQL(text).format(schema=sql.Identifier(schema), **tables)
        return self.connection.execute(composed, values or None)


@contextmanager
def planned_database(dsn: str, name: str) -> Iterator[Database]:
    """An empty database with the benchmarks' plan, for the time of the block."""
    plan = Plan.load(PLAN_FILE)
    with fresh_database(dsn, name) as (connection, url):
        apply(url, plan)
        yield Database(url, connection, plan)


@contextmanager
def fresh_database(dsn: str, name: str) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """An empty database for the time of the block: a connection to it, and its URL."""
    drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(drop)
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        database = with_database(dsn, name)
        try:
            with psycopg.connect(database, autocommit=True) as connection:
                yield connection, database
        finally:
            admin.execute(drop)


def with_database(dsn: str, name: str) -> str:
    """The same server's URL for another database. URLs, because asyncpg and node-postgres read nothing else."""
    url = urlsplit(dsn)
    return f"{url.scheme}://{url.netloc}/{name}" + (f"?{url.query}" if url.query else "")
