"""What dead rows cost: who keeps them, and which tables and indexes have grown by them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from pgconductor.store.health.finding import Finding
from pgconductor.store.query import AnyConnection, Query, run_blocking
from pgconductor.store.statements import statement

LONG = 300.0
# A table that turns over has as many dead rows as it had executions since the last vacuum.
DEAD_ROWS = 100_000
MANY_BYTES = 64 * 1024 * 1024
# Two or three narrow indexes: an entry in each is some 40 bytes.
INDEX_BYTES_A_ROW = 1024


class Holder(NamedTuple):
    """Someone whose old snapshot keeps dead rows; `seconds` is None where it is not known."""

    kind: str
    name: str
    whose: str
    seconds: float | None
    idle: bool


class Table(NamedTuple):
    """A partition or a table of the schema, as the statistics have it."""

    name: str
    live: int
    dead: int
    bytes: int
    index_bytes: int
    last_autovacuum: datetime | None


def examine(connection: AnyConnection, schema: str) -> Iterator[Finding]:
    holders = Query(statement("read_holders", schema), {"longer_than": LONG})
    found, [(hidden,)], tables = run_blocking(
        connection,
        [
            holders,
            Query(statement("count_hidden", schema)),
            Query(statement("read_tables", schema), {"schema": schema}),
        ],
    )
    yield from snapshots([Holder(*row) for row in found], hidden)
    yield from bloat([Table(*row) for row in tables], schema)


def snapshots(holders: list[Holder], hidden: int) -> Iterator[Finding]:
    for holder in holders:
        yield _held(holder)
    if hidden:
        yield Finding(
            "snapshots",
            "note",
            f"{hidden} sessions of other roles cannot be seen",
            "grant pg_monitor to this role to have them looked at",
        )
    elif not holders:
        yield Finding("snapshots", "ok", f"no transaction is older than {LONG / 60:g} minutes")


def _held(holder: Holder) -> Finding:
    since = "" if holder.seconds is None else f" for {holder.seconds / 60:,.0f} minutes"
    doing = ", idle in its transaction" if holder.kind == "session" and holder.idle else ""
    ways = {
        "session": f"end that transaction, or the session: select pg_terminate_backend({holder.name});",
        "prepared transaction": f"commit prepared '{holder.name}'; or rollback prepared '{holder.name}';",
        "replication slot": f"reconnect its reader, or: select pg_drop_replication_slot('{holder.name}');",
    }
    summary = f"{holder.kind} {holder.name} ({holder.whose}) keeps dead rows from being cleared{since}{doing}"
    return Finding("snapshots", "warning", summary, ways[holder.kind])


def bloat(tables: list[Table], schema: str) -> Iterator[Finding]:
    well = True
    for table in tables:
        if table.dead > DEAD_ROWS and table.dead > 2 * table.live:
            well = False
            vacuumed = "never" if table.last_autovacuum is None else f"at {table.last_autovacuum:%Y-%m-%d %H:%M}"
            yield Finding(
                "bloat",
                "warning",
                f"`{table.name}` has {table.dead:,} dead rows beside {table.live:,}; autovacuum came {vacuumed}",
                f"see who holds a snapshot, then: vacuum {schema}.{table.name};",
            )
        if table.index_bytes > MANY_BYTES and table.index_bytes > INDEX_BYTES_A_ROW * table.live:
            well = False
            yield Finding(
                "bloat",
                "warning",
                f"the indexes of `{table.name}` take {table.index_bytes / 2**20:,.0f} MB for {table.live:,} rows",
                f"when it is quiet: reindex table concurrently {schema}.{table.name};",
            )
    if well:
        yield Finding("bloat", "ok", "no table has grown by dead rows")
