"""Keep a connection for as long as it is needed: open it, use it, and when it is lost open another."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

import psycopg
from psycopg import AsyncConnection

from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.rounds import FIRST_RETRY, LONGEST_RETRY, RECONNECTING
from pgconductor.store.session import open_session
from pgconductor.store.uuids import read_uuids_as_bytes

logger = logging.getLogger("pgconductor")

# What a statement can fail with on account of its own values; anything else may go away by itself.
DATA_ERRORS: tuple[type[Exception], ...] = (psycopg.DataError, psycopg.IntegrityError)


def watch(task: asyncio.Task[None], name: str, on_broken: Callable[[str, BaseException], None]) -> None:
    """Call `on_broken(name, error)` if a task ends with one. Whoever lives on it would go on for ever without it."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            on_broken(name, error)

    task.add_done_callback(ended)


async def keep_connected(
    url: str, name: str, settings: str | None, body: Callable[[AsyncConnection], Awaitable[None]]
) -> None:
    """Run `body` on a connection, again on a new one whenever it fails, until it returns.

    The first retry comes after 0.1 s, later ones at most two seconds apart: workers are back within five seconds of
    the database.
    """
    retry = FIRST_RETRY
    while True:
        began = asyncio.get_running_loop().time()
        try:
            session = await open_session(url, name, settings=settings)
            read_uuids_as_bytes(session.connection)
            try:
                return await body(session.connection)
            finally:
                await session.connection.close()
        except (psycopg.Error, DatabaseUnreachable, OSError) as error:
            if asyncio.get_running_loop().time() - began > LONGEST_RETRY:
                retry = FIRST_RETRY  # it worked for a while
            wait = retry * random.uniform(0.8, 1.2)
            reason = " ".join(str(error).split()) or type(error).__name__
            logger.warning("%s: %s; again in %.1f s", name, reason, wait, extra=RECONNECTING)
            await asyncio.sleep(wait)
            retry = min(2 * retry, LONGEST_RETRY)
