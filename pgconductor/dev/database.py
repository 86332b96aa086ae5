"""The database of a dev session: held open from its start to its end, applied to, and missed when it is away."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack

from pgconductor.dev.project import Built
from pgconductor.plan.model import DatabasePlan
from pgconductor.store.apply import Difference, apply
from pgconductor.store.endpoint import Endpoint, open_endpoint
from pgconductor.store.session import open_blocking
from pgconductor.store.threads import to_its_end

logger = logging.getLogger("pgconductor.dev")


class Database:
    """The embedded Postgres, or the one that `[database]` names; another once that says so."""

    def __init__(self) -> None:
        self._settings: DatabasePlan | None = None
        self._built: Built | None = None
        self._endpoint: Endpoint | None = None
        self._held = ExitStack()
        self._former: list[ExitStack] = []

    async def follow(self, built: Built) -> None:
        """Make sure of it, and create what the plan needs. Nothing is taken away: the old generation still runs.

        Raises:
            DatabaseError: it is away, or does not fit the plan.
            PlanError: a variable that `[database]` needs is not set.
        """
        if self._endpoint is None or self._settings != built.plan.database:
            await self._open(built)
        self._built = built
        if built.plan.database.apply == "auto":
            self._announce(await asyncio.to_thread(apply, self._url, built.plan, remove=False))

    async def tidy(self, built: Built) -> None:
        """Take away what the plan no longer has, now that nobody works with it.

        Raises:
            DatabaseError: it is away, or executions would be lost by it.
        """
        while self._former:
            await asyncio.to_thread(self._former.pop().close)
        if built.plan.database.apply == "auto":
            self._announce(await asyncio.to_thread(apply, self._url, built.plan, remove=True))

    async def check(self) -> None:
        """Make sure that it answers; the embedded one is started anew if it does not run.

        Raises:
            DatabaseError: it does not.
        """
        if self._built is None:
            return
        if self._built.plan.database.url is None:
            await self._open(self._built)
            while self._former:
                await asyncio.to_thread(self._former.pop().close)
        await asyncio.to_thread(_knock, self._url)

    async def close(self) -> None:
        """Let go of it: the embedded one stops with its last user."""
        for held in (*self._former, self._held):
            await asyncio.to_thread(held.close)

    @property
    def _url(self) -> str:
        assert self._endpoint is not None
        return self._endpoint.listen_url or self._endpoint.url

    async def _open(self, built: Built) -> None:
        held = ExitStack()
        endpoint = open_endpoint(built.plan, built.folder)
        try:
            self._endpoint = await to_its_end(held.enter_context, endpoint)
        except asyncio.CancelledError:
            await asyncio.to_thread(held.close)  # else a server that was started meanwhile would run for ever
            raise
        # The former one goes when the workers on it have: an embedded server that both are stays up all the time.
        self._former.append(self._held)
        self._held, self._settings = held, built.plan.database

    def _announce(self, difference: Difference) -> None:
        for change in difference.changes:
            logger.info("applied: %s", change.summary)


def _knock(url: str) -> None:
    with open_blocking(url, "pgconductor dev") as connection:
        connection.execute("select 1")
