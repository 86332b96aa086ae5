"""An outage of the database: said once when it begins and once when it ends, however many connections it cost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from pgconductor.dev.database import Database
from pgconductor.errors import DatabaseError

logger = logging.getLogger("pgconductor.dev")

PROBE_EVERY = 0.5


class Outage:
    """Watches for the return of the database.

    Args:
        on_end: called when it is back.
    """

    def __init__(self, database: Database, on_end: Callable[[], None]) -> None:
        self._database = database
        self._on_end = on_end
        self._probing: asyncio.Task[None] | None = None
        self.under_way = False

    def suspect(self) -> None:
        """Somebody lost a connection, or could not make one."""
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._probe())

    async def close(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    async def _probe(self) -> None:
        while error := await self._error():
            if not self.under_way:
                self.under_way = True
                logger.error("%s; what runs goes on, and all else waits for it", error)
            await asyncio.sleep(PROBE_EVERY)
        if self.under_way:
            self.under_way = False
            logger.info("the database is back")
        self._on_end()

    async def _error(self) -> DatabaseError | None:
        try:
            await self._database.check()
        except DatabaseError as error:
            return error
        return None
