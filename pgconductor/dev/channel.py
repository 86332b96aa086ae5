"""The line between dev and one of its worker processes: JSON, one message a line, both ways over a socket pair.

It is also the lifeline: when either end is gone, however it ended, the other reads the end of the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

# A plan of three hundred tasks is a megabyte.
LONGEST = 64 * 1024 * 1024


class WorkerEnd:
    """The worker's end. Any thread may send.

    Args:
        fd: of the socket, as it was inherited.
    """

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.set_inheritable(False)  # a handler's own children must not keep the line open
        self._lock = threading.Lock()
        self._rest = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, type: str, **content: Any) -> None:
        """Say something; nobody there to hear it is no error."""
        line = json.dumps({"type": type, **content}, default=str).encode() + b"\n"
        with self._lock, contextlib.suppress(OSError):
            self._socket.sendall(line)

    def receive(self) -> Iterator[Message | None]:
        """What one read brings: messages, and None when the other end is gone. Waits if there is nothing yet."""
        try:
            data = self._socket.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            yield None
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield json.loads(line)


class DevEnd:
    """The end of dev, in an event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, ours: socket.socket) -> DevEnd:
        return cls(*await asyncio.open_connection(sock=ours, limit=LONGEST))

    def send(self, type: str, **content: Any) -> None:
        if not self._writer.is_closing():
            self._writer.write(json.dumps({"type": type, **content}, default=str).encode() + b"\n")

    async def receive(self) -> Message | None:
        """The next message; None when the worker is gone."""
        with contextlib.suppress(OSError, ValueError):
            line = await self._reader.readline()
            if line.endswith(b"\n"):
                message: Message = json.loads(line)
                return message
        return None

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
