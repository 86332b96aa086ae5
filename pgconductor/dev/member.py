"""One worker process as dev sees it: begun as a spare, given a plan, listened to, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from pgconductor.dev.channel import DevEnd, Message
from pgconductor.dev.order import Order
from pgconductor.errors import ConductorError, PlanError

logger = logging.getLogger("pgconductor.dev")

# After its grace a process writes its outcomes, says goodbye to the database, and lets its threads end.
LAST_WORDS = 8.0
# A process that has bound nothing holds nothing. One that does not say that it heeds the signal is stuck in an import.
UNREADY_GRACE = 2.0


class StartFailed(ConductorError):
    """A worker process did not become ready.

    Attributes:
        traces: of what the project's modules raised, the user's frames alone.
        unreachable: the database was away: nothing is wrong with the project.
    """

    def __init__(self, message: str, traces: tuple[str, ...] = (), *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.traces = traces
        self.unreachable = unreachable


class Member:
    """A worker process.

    Args:
        on_line: told of every line that it prints: the text, and whether it went to stderr.
        on_record: given every record that it logs, for `replay`.

    Attributes:
        counts: what it last said of each of its queues.
        warmed: done once it has imported all of ours; never, if it ends before.
    """

    def __init__(self, on_line: Callable[[str, bool], None], on_record: Callable[[Message], None]) -> None:
        self.counts: list[dict[str, Any]] = []
        self.warmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_line = on_line
        self._on_record = on_record
        loop = asyncio.get_running_loop()
        self._spawned: asyncio.Future[None] = loop.create_future()
        self._heeded: asyncio.Future[None] = loop.create_future()
        self._ready: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[int] = loop.create_future()
        self._retuned: asyncio.Queue[str | None] = asyncio.Queue()
        self._told_to_stop = False
        self._process: asyncio.subprocess.Process | None = None
        self._orders: list[tuple[str, dict[str, Any]]] = []
        self._channel: DevEnd | None = None
        self._life = loop.create_task(self._live())

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def is_warm(self) -> bool:
        return self.warmed.done()

    @property
    def is_ready(self) -> bool:
        return self._ready.done() and not self._ready.cancelled() and self._ready.exception() is None

    @property
    def ended(self) -> asyncio.Future[int]:
        """Its exit code, once it has ended and all it said is known. Not to be cancelled."""
        return self._ended

    @property
    def ended_unasked(self) -> bool:
        return self._ended.done() and not self._told_to_stop

    async def serve(self, order: Order) -> None:
        """Hand it its order, and wait until it is ready.

        Raises:
            StartFailed: with what the project's code raised, if it was that.
        """
        self._send("serve", **vars(order))
        await asyncio.shield(self._ready)

    async def retune(self, plan: str) -> None:
        """Push the tunables of a plan.

        Raises:
            PlanError: it cannot take the plan over while it runs.
        """
        self._send("retune", plan=plan)
        answer = asyncio.create_task(self._retuned.get())
        await asyncio.wait((answer, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            return  # it is gone; whoever takes its place has the new plan
        if refused := answer.result():
            raise PlanError(refused)

    def pause(self, paused: bool) -> None:
        """Let it claim nothing, or claim again."""
        self._send("pause", paused=paused)

    def hurry(self) -> None:
        """Give back at once what still runs."""
        self._send("stop", grace=0)

    async def stop(self, grace: float) -> None:
        """Let what runs end within `grace` seconds, and wait for its end. It is killed only if it does not heed."""
        self._told_to_stop = True
        await asyncio.wait((self._spawned, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if self.is_ready:
            self._send("stop", grace=grace)
        elif not await self._heeds_signal():
            self._signal(signal.SIGKILL)
        if not await self._ends_within(grace):
            self.hurry()
        if not await self._ends_within(LAST_WORDS):
            self._signal(signal.SIGKILL)
        await self._life

    async def heeds(self) -> None:
        """Wait until it claims no more, having been told to stop."""
        await asyncio.wait((self._heeded, self._ended), return_when=asyncio.FIRST_COMPLETED)

    async def _heeds_signal(self) -> bool:
        self._signal(signal.SIGTERM)
        waiting = (self._heeded, self._ended)
        done, _ = await asyncio.wait(waiting, timeout=UNREADY_GRACE, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def _ends_within(self, seconds: float) -> bool:
        await asyncio.wait((self._ended,), timeout=seconds)
        return self._ended.done()

    def _send(self, type: str, **content: Any) -> None:
        if self._channel is None:
            self._orders.append((type, content))
        else:
            self._channel.send(type, **content)

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _live(self) -> None:
        code = 1
        try:
            code = await self._run()
        except OSError as error:
            self._fail(StartFailed(f"a worker process could not be started: {error}"))
        finally:
            self._fail(StartFailed(f"a worker process ended with {manner(code)} before it was ready"))
            self._ended.set_result(code)

    async def _run(self) -> int:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = process = await asyncio.create_subprocess_exec(
                *_command(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                process_group=0,  # Ctrl-C reaches dev alone, which tells each process once
            )
        self._spawned.set_result(None)
        self._channel = channel = await DevEnd.open(ours)
        for type, content in self._orders:
            channel.send(type, **content)
        assert process.stdout is not None
        assert process.stderr is not None
        streams = (self._listen(channel), self._echo(process.stdout, False), self._echo(process.stderr, True))
        listening = [asyncio.create_task(stream) for stream in streams]
        code = await process.wait()
        # A process that a handler left behind may hold the pipes for ever.
        await asyncio.wait(listening, timeout=1.0)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        await channel.close()
        return code

    async def _listen(self, channel: DevEnd) -> None:
        while (message := await channel.receive()) is not None:
            self._hear(message)

    def _hear(self, message: Message) -> None:
        match message["type"]:
            case "warm":
                logger.debug("process %s is warm", self.pid)
                self.warmed.set_result(None)
            case "log":
                self._on_record(message)
            case "counts":
                self.counts = message["queues"]
            case "ready":
                if not self._ready.done():
                    self._ready.set_result(None)
            case "heeding":
                if not self._heeded.done():
                    self._heeded.set_result(None)
            case "retuned":
                self._retuned.put_nowait(message["refused"])
            case "failed":
                traces = tuple(message["traces"])
                self._fail(StartFailed(message["message"], traces, unreachable=message["unreachable"]))

    def _fail(self, error: StartFailed) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # perhaps nobody waits for it

    async def _echo(self, stream: asyncio.StreamReader, is_error: bool) -> None:
        rest = b""
        while data := await stream.read(1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._on_line(line.decode(errors="replace"), is_error)
        if rest:
            self._on_line(rest.decode(errors="replace"), is_error)


def manner(code: int) -> str:
    """How a process ended, in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _command(fd: int) -> list[str]:
    options = [f"-W{option}" for option in sys.warnoptions]
    return [os.fspath(sys.executable), "-P", *options, "-m", "pgconductor.dev.worker", str(fd)]
