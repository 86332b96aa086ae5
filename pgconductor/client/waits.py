"""Waiting for executions to end: however many are awaited, one query asks for all that are due."""

from __future__ import annotations

import asyncio
import copy
import heapq
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from pgconductor.errors import ConductorError
from pgconductor.store.executions import ENDED, Outcome

Ask: TypeAlias = "Callable[[Sequence[bytes]], Awaitable[dict[bytes, Outcome]]]"

# An execution that ends at once is seen within 5 ms; one that takes a minute costs two looks a second.
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.5
# Looks that are due so soon after one another are one.
SLACK = 0.002
MOST_IDS = 1_000


@dataclass(slots=True)
class _Awaited:
    due: float = 0.0
    pause: float = FIRST_PAUSE
    futures: set[asyncio.Future[Outcome | None]] = field(default_factory=set)


class Waits:
    """Resolves waits for the ends of executions by polling.

    Args:
        ask: the outcomes of those that exist.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._awaited: dict[bytes, _Awaited] = {}
        self._looks: list[tuple[float, bytes]] = []  # a heap; one that is not its id's `due` any more is void
        self._sooner = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None

    async def wait(self, execution_id: bytes, timeout: float | None) -> Outcome | None:
        """The outcome once the execution has ended; None if it is unknown.

        Raises:
            TimeoutError: it had not ended in the time given.
            DatabaseError: it could not be asked for.
        """
        if timeout == 0:
            outcome = (await self._ask([execution_id])).get(execution_id)
            if outcome is None or outcome.state in ENDED:
                return outcome
            raise TimeoutError
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome | None] = loop.create_future()
        awaited = self._awaited.setdefault(execution_id, _Awaited())
        awaited.futures.add(future)
        self._schedule(execution_id, awaited, FIRST_PAUSE)
        self._sooner.set()
        if self._poller is None:
            self._poller = loop.create_task(self._poll())
        try:
            async with asyncio.timeout(timeout):
                return await future
        finally:
            awaited.futures.discard(future)
            if not awaited.futures and self._awaited.get(execution_id) is awaited:
                del self._awaited[execution_id]

    async def close(self) -> None:
        """End all waits with an error."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.wait([self._poller])
        for execution_id, awaited in list(self._awaited.items()):
            self._resolve(execution_id, awaited, ConductorError("the conductor was closed; the execution goes on"))

    def _schedule(self, execution_id: bytes, awaited: _Awaited, pause: float) -> None:
        awaited.pause = pause
        awaited.due = asyncio.get_running_loop().time() + pause
        heapq.heappush(self._looks, (awaited.due, execution_id))

    async def _poll(self) -> None:
        try:
            while self._awaited:
                pause = self._looks[0][0] - asyncio.get_running_loop().time()
                if pause > 0:
                    self._sooner.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._sooner.wait(), pause)
                elif due := self._take_due():
                    await self._look(due)
        finally:
            self._poller = None
            self._looks.clear()

    def _take_due(self) -> dict[bytes, _Awaited]:
        now = asyncio.get_running_loop().time()
        found: dict[bytes, _Awaited] = {}
        while self._looks and self._looks[0][0] <= now + SLACK and len(found) < MOST_IDS:
            due, execution_id = heapq.heappop(self._looks)
            awaited = self._awaited.get(execution_id)
            if awaited is not None and awaited.due == due:
                found[execution_id] = awaited
        return found

    async def _look(self, due: dict[bytes, _Awaited]) -> None:
        try:
            outcomes = await self._ask(list(due))
        except Exception as error:
            for execution_id, awaited in due.items():
                self._resolve(execution_id, awaited, error)
            return
        for execution_id, awaited in due.items():
            outcome = outcomes.get(execution_id)
            if outcome is None or outcome.state in ENDED:
                self._resolve(execution_id, awaited, outcome)
            else:
                self._schedule(execution_id, awaited, min(2 * awaited.pause, LONGEST_PAUSE))

    def _resolve(self, execution_id: bytes, awaited: _Awaited, found: Outcome | Exception | None) -> None:
        if self._awaited.get(execution_id) is awaited:
            del self._awaited[execution_id]
        for future in awaited.futures:
            if future.done():  # its caller was cancelled
                continue
            if isinstance(found, Exception):
                future.set_exception(copy.copy(found))
            else:
                future.set_result(found)
