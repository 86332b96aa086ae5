"""The bookshop's own tables, in the database that its background work is in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from examples.conductor import Conductor
from examples.conductor.models import Line, SalesReportResult

TABLES = """
create schema if not exists bookshop;
create table if not exists bookshop.shelf (isbn text primary key, copies integer not null check (copies >= 0));
create table if not exists bookshop.sales (
    order_id uuid not null, isbn text not null, copies integer not null, price numeric not null,
    primary key (order_id, isbn)
);
"""


class Shop:
    """What handlers find as `ctx.deps`: `[conductor] context` names this class, and each process opens one."""

    def __init__(self) -> None:
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.conductor = await self._resources.enter_async_context(Conductor.connect())
        self._pool = await self._resources.enter_async_context(
            AsyncConnectionPool(self.conductor.url, open=False, min_size=1, max_size=10)
        )
        async with self.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock(hashtext('bookshop'))")
            await connection.execute(TABLES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._resources.aclose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._pool.connection() as connection, connection.transaction():
            yield connection

    async def take(self, connection: AsyncConnection, order_id: UUID, lines: Sequence[Line]) -> list[str]:
        """Take an order's books from the shelf, once.

        Returns:
            The books of which there are too few; then nothing may be committed.
        """
        missing: list[str] = []
        for line in sorted(lines, key=lambda line: line.isbn):
            sold = await connection.execute(
                "insert into bookshop.sales values (%s, %s, %s, %s) on conflict do nothing",
                (order_id, line.isbn, line.copies, line.price),
            )
            if sold.rowcount == 0:
                continue
            taken = await connection.execute(
                "update bookshop.shelf set copies = copies - %s where isbn = %s and copies >= %s",
                (line.copies, line.isbn, line.copies),
            )
            if taken.rowcount == 0:
                missing.append(line.isbn)
        return missing

    async def give_back(self, connection: AsyncConnection, order_id: UUID) -> None:
        """Put the books of an order that comes to nothing back on the shelf, once."""
        await connection.execute(
            "with gone as (delete from bookshop.sales where order_id = %s returning isbn, copies)"
            " update bookshop.shelf set copies = shelf.copies + gone.copies from gone where shelf.isbn = gone.isbn",
            (order_id,),
        )

    async def put(self, isbn: str, copies: int) -> None:
        async with self.transaction() as connection:
            await connection.execute(
                "insert into bookshop.shelf values (%s, %s)"
                " on conflict (isbn) do update set copies = shelf.copies + excluded.copies",
                (isbn, copies),
            )

    async def running_low(self, least: int) -> list[str]:
        async with self.transaction() as connection:
            rows = await connection.execute("select isbn from bookshop.shelf where copies < %s", (least,))
            return [isbn for (isbn,) in await rows.fetchall()]

    async def sales(self) -> SalesReportResult:
        async with self.transaction() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(
                "select count(distinct order_id) as orders, coalesce(sum(copies), 0) as books,"
                " coalesce(sum(copies * price), 0) as revenue from bookshop.sales"
            )
            return SalesReportResult.model_validate(await cursor.fetchone())
