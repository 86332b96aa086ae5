"""Many callers, one statement: what arrives while a statement is under way is the next statement.

There is no timer: an idle conductor sends at once, and a busy one sends larger statements the busier it is.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from pgconductor.errors import ConductorError, DatabaseUnreachable
from pgconductor.store.enqueue import Item

Write: TypeAlias = "Callable[[Sequence[Item]], Awaitable[list[bytes | None]]]"

# Bounds of one statement: what waits longer than it would alone should not wait much longer.
MOST_ITEMS = 1_000
MOST_BYTES = 4 * 1024 * 1024


class Coalescer:
    """Enqueues single items of concurrent callers together; each is still an enqueue of its own.

    Items are grouped by fate. Those that may have to wait for other transactions do not hold up those that never do,
    and those that cannot be sent again after a lost connection do not keep others from it.

    Args:
        write: enqueues all items or none.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._lanes: dict[tuple[bool, bool], _Lane] = {}

    async def enqueue(self, item: Item) -> bytes | None:
        """Enqueue one item.

        A caller that is cancelled meanwhile harms no other; its item is enqueued or not.
        """
        fate = (item.guarded, item.terms.kept)
        lane = self._lanes.get(fate)
        if lane is None:
            lane = self._lanes[fate] = _Lane(self._write)
        return await lane.enqueue(item)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))


class _Call(NamedTuple):
    item: Item
    reply: asyncio.Future[bytes | None]


class _Lane:
    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: deque[_Call] = deque()
        self._flusher: asyncio.Task[None] | None = None

    async def enqueue(self, item: Item) -> bytes | None:
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[bytes | None] = loop.create_future()
        self._waiting.append(_Call(item, reply))
        if self._flusher is None:
            # Its first step comes after all callers that are about to run: they are in the first batch.
            self._flusher = loop.create_task(self._flush())
        return await reply

    async def close(self) -> None:
        if self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _flush(self) -> None:
        try:
            while self._waiting:
                await self._send(self._take())
                # Let those who got their reply go on, and perhaps enqueue again, before the next batch is taken.
                await asyncio.sleep(0)
        finally:
            self._flusher = None

    def _take(self) -> list[_Call]:
        batch: list[_Call] = []
        size = 0
        while self._waiting and len(batch) < MOST_ITEMS and size < MOST_BYTES:
            call = self._waiting.popleft()
            if not call.reply.done():  # else its caller was cancelled
                batch.append(call)
                size += len(call.item.payload)
        return batch

    async def _send(self, batch: list[_Call]) -> None:
        if not batch:
            return
        try:
            ids = await self._write([call.item for call in batch])
        except Exception as error:
            if len(batch) == 1 or not isinstance(error, ConductorError) or isinstance(error, DatabaseUnreachable):
                _fail(batch, error)
                return
        else:
            _reply(batch, ids)
            return
        # Nothing of it was written. Halves find whom the error belongs to; everybody else is enqueued.
        middle = len(batch) // 2
        await self._send(batch[:middle])
        await self._send(batch[middle:])


def _reply(batch: list[_Call], ids: list[bytes | None]) -> None:
    for call, execution_id in zip(batch, ids, strict=True):
        if not call.reply.done():
            call.reply.set_result(execution_id)


def _fail(batch: list[_Call], error: Exception) -> None:
    for call in batch:
        if not call.reply.done():
            own = copy.copy(error)  # each caller's raise adds its own frames
            own.__cause__ = error.__cause__
            call.reply.set_exception(own)
