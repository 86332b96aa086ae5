"""LISTEN on a connection of its own.

psycopg's `notifies()` holds its connection's lock: a peer that shared it with queries would stall for a whole timeout.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import psycopg
from psycopg import sql

from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.endpoint import Endpoint
from pgconductor.store.rounds import FIRST_RETRY, LONGEST_RETRY
from pgconductor.store.session import open_session

logger = logging.getLogger("pgconductor")


class Listener:
    """Hands every notification of a channel to `on_notify`, reconnecting for ever.

    Args:
        on_change: called with True when it begins to listen (what was sent before was not heard), False when it stops.
    """

    def __init__(
        self, endpoint: Endpoint, channel: str, on_notify: Callable[[str], None], on_change: Callable[[bool], None]
    ) -> None:
        self._url = endpoint.listen_url or endpoint.url
        self._channel = channel
        self._on_notify = on_notify
        self._on_change = on_change
        self._listening = False

    async def run(self) -> None:
        """Listen until cancelled. Returns at once where LISTEN is not to be had: workers then rely on polling."""
        retry = FIRST_RETRY
        while True:
            try:
                if not await self._listen():
                    logger.info("behind a pooler without `listen_url`: workers poll, nothing wakes them earlier")
                    return
            except (psycopg.Error, DatabaseUnreachable, OSError) as error:
                retry = FIRST_RETRY if self._listening else min(2 * retry, LONGEST_RETRY)
                if self._listening:
                    self._listening = False
                    self._on_change(False)
                logger.debug("listener: %s; again in %.1f s", error, retry)
                await asyncio.sleep(retry)

    async def _listen(self) -> bool:
        session = await open_session(self._url, "pgconductor listener")
        async with session.connection as connection:
            if session.pooled:
                return False
            await connection.execute(sql.SQL("listen {}").format(sql.Identifier(self._channel)))
            self._listening = True
            self._on_change(True)
            async for notify in connection.notifies():
                self._on_notify(notify.payload)
        raise OSError("the connection was closed")
