"""A thread that does one thing again and again on a connection of its own, and outlives the loss of it."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

import psycopg
from psycopg import Connection

from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.session import open_blocking

logger = logging.getLogger("pgconductor")

FIRST_RETRY = 0.1
LONGEST_RETRY = 2.0
# How the log records of all who lost their connection are known: one outage is reported by each of them.
RECONNECTING = {"event": "reconnecting"}


class Rounds(threading.Thread):
    """Calls `body(connection)` every `period` seconds until `stop`.

    A blocked event loop does not hold it up, and when the database goes away it comes back within two seconds of it.

    Args:
        name: of the thread and of its connection.
        period: seconds between the starts of two rounds, give or take a tenth.
        body: one round; it returns how long to wait for the next instead of `period`, or None.
    """

    def __init__(self, name: str, url: str, period: float, body: Callable[[Connection], float | None]) -> None:
        super().__init__(name=f"pgconductor {name}", daemon=True)
        self._url = url
        self._period = period
        self._body = body
        self._stopping = threading.Event()
        self._connection: Connection | None = None

    def stop(self) -> None:
        """Let the round under way end, and no other begin."""
        self._stopping.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end; one that was never started has ended."""
        if self.is_alive():
            super().join(timeout)

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def run(self) -> None:
        retry = FIRST_RETRY
        while not self._stopping.is_set():
            try:
                wait = self._round()
                retry = FIRST_RETRY
            except (psycopg.Error, DatabaseUnreachable, OSError) as error:
                self._disconnect()
                logger.warning("%s: %s; again in %.1f s", self.name, _one_line(error), retry, extra=RECONNECTING)
                wait, retry = retry, min(2 * retry, LONGEST_RETRY)
            except Exception:  # a mistake of ours in one round is no reason never to make another
                self._disconnect()
                logger.exception("%s failed; again in %.1f s", self.name, LONGEST_RETRY)
                wait = LONGEST_RETRY
            self._stopping.wait(wait * random.uniform(0.9, 1.1))
        self._disconnect()

    def _round(self) -> float:
        if self._connection is None:
            self._connection = open_blocking(self._url, self.name)
        wait = self._body(self._connection)
        return self._period if wait is None else wait

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
