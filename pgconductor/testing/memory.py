"""Where the durable calls of an inline run are recorded, and what answers its waits."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pydantic_core

from pgconductor.api.drive import drive
from pgconductor.api.task import Task
from pgconductor.errors import ConductorError, ValidationError
from pgconductor.plan.model import Plan
from pgconductor.runtime.host import LoopHost, StepThreads, ThreadHost
from pgconductor.store.records import Child, Kind, Progress, Recorded, StepResult, Wait


@dataclass(frozen=True)
class Call:
    """A durable call of a handler.

    Attributes:
        kind: "step", "transaction", "emit", "sleep", "invoke", "map" or "event".
        value: what the call returned, as JSON data.
        target: the children's task or the event, by name.
        payloads: what children were invoked with, or the event was emitted with, as JSON data.
        duration: of a sleep or a timeout.
        until: when a `sleep_until` ends.
        where: what the awaited event had to match.
    """

    name: str
    kind: Kind
    value: Any = None
    target: str | None = None
    payloads: tuple[Any, ...] = ()
    duration: timedelta | None = None
    until: datetime | None = None
    where: dict[str, Any] | None = None


class Memory:
    """The records of one inline run. To hosts it is what a journal is to those of a worker.

    Args:
        children, events: answers by name of the call, of the task or of the event.
        connection: of transactions.
    """

    stopping = False

    def __init__(self, plan: Plan, children: dict[str, Any], events: dict[str, Any], connection: Any) -> None:
        self.plan = plan
        self.recorded: dict[str, Recorded] = {}
        self.made: dict[str, Call] = {}
        self._children = children
        self._events = events
        self._connection = connection
        self._emitted: tuple[str, Any] | None = None

    def save(self, kind: Kind, step: StepResult) -> None:
        emitted, self._emitted = self._emitted, None
        self._record(step.name, kind, step.position, result=step.result.decode())
        call = Call(step.name, kind, json.loads(step.result))
        if emitted is not None:
            call = Call(step.name, kind, None, emitted[0], (emitted[1],))
        self.made[step.name] = call

    def emit(self, event: str, payload: bytes) -> None:
        self._emitted = (event, json.loads(payload))

    def connection(self, kind: Kind, step: StepResult) -> Any:
        if kind == "emit":
            return None
        if self._connection is None:
            raise ConductorError(
                f"`{step.name}` is a transaction, and an inline run has no database: give it `connection=`, a real one "
                "or a stand-in, or use the fixture `conductor`"
            )
        return self._connection

    def answer(self, waits: Iterable[Wait]) -> None:
        """Record the end of what a run parked for.

        Raises:
            LookupError: no answer was given.
        """
        for wait in waits:
            if wait.kind == "sleep":
                self._record(wait.name, wait.kind, wait.position)
                self.made[wait.name] = Call(wait.name, "sleep", duration=_duration(wait), until=wait.until)
            elif wait.kind == "event":
                self._answer_event(wait)
            else:
                self._answer_children(wait)

    def _answer_event(self, wait: Wait) -> None:
        assert wait.target is not None
        answer = _find(self._events, wait, wait.target, "event")
        call = Call(wait.name, wait.kind, None, wait.target, (), _duration(wait), None, wait.match)
        if _times_out(answer):
            self._record(wait.name, wait.kind, wait.position, state="timed_out", target=wait.target)
            self.made[wait.name] = call
            return
        payload = answer(wait.match) if callable(answer) else answer
        text = pydantic_core.to_json(payload).decode()
        value = json.loads(text)
        for field, wanted in (wait.match or {}).items():
            if not isinstance(value, dict) or value.get(field) != wanted:
                raise ValidationError(
                    f"`{wait.name}` waits for an event `{wait.target}` with {field} = {wanted!r}: the answer given "
                    "does not match"
                )
        self._record(wait.name, wait.kind, wait.position, target=wait.target, result=text)
        self.made[wait.name] = Call(wait.name, wait.kind, value, wait.target, (), call.duration, None, wait.match)

    def _answer_children(self, wait: Wait) -> None:
        task = self._task(wait.target)
        answer = _find(self._children, wait, task.name, "task")
        payloads = tuple(json.loads(item.payload) for item in wait.children)
        if _times_out(answer):
            self._record(wait.name, wait.kind, wait.position, state="timed_out", target=wait.target)
            self.made[wait.name] = Call(wait.name, wait.kind, None, task.name, payloads, _duration(wait))
            return
        children = tuple(_ended(task, item.id, item.payload, answer) for item in wait.children)
        results = [None if child.result is None else json.loads(child.result) for child in children]
        self._record(wait.name, wait.kind, wait.position, target=wait.target, children=children)
        value = results if wait.kind == "map" else results[0]
        self.made[wait.name] = Call(wait.name, wait.kind, value, task.name, payloads, _duration(wait))

    def _task(self, key: str | None) -> Task[Any, Any]:
        name = next(task.name for task in self.plan.tasks.values() if task.key == key)
        task: Task[Any, Any] = getattr(importlib.import_module(f"{self.plan.package}.tasks"), name)
        return task

    def _record(
        self,
        name: str,
        kind: Kind,
        position: int,
        *,
        state: Any = "done",
        target: str | None = None,
        result: str | None = None,
        children: tuple[Child, ...] = (),
    ) -> None:
        self.recorded[name] = Recorded(name, kind, state, position, target, result, None, True, children)


class MemoryLoopHost(LoopHost):
    """For an async handler.

    Args:
        task: that it runs in; any other is a branch.
    """

    def __init__(self, memory: Memory, task: asyncio.Task[Any]) -> None:
        super().__init__(memory, StepThreads(), frozenset([task]))  # type: ignore[arg-type]
        self._memory = memory

    async def save(self, step: StepResult) -> None:
        self._memory.save("step", step)

    async def transact(
        self,
        kind: Kind,
        step: StepResult,
        body: Callable[[Any], Any],
        encode: Callable[[Any], bytes],
        seconds: float | None,
    ) -> Any:
        value = await self._body(body, self._memory.connection(kind, step), seconds)
        self._memory.save(kind, step._replace(result=encode(value)))
        return value

    async def emit(self, connection: Any, event: str, payload: bytes) -> None:
        self._memory.emit(event, payload)

    def report(self, progress: Progress) -> None:
        """Nobody looks."""


class MemoryThreadHost(ThreadHost):
    """For a sync handler."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory, lambda: False)  # type: ignore[arg-type]
        self._memory = memory

    async def save(self, step: StepResult) -> None:
        self._memory.save("step", step)

    async def _transact(
        self, kind: Kind, step: StepResult, body: Callable[[Any], Any], encode: Callable[[Any], bytes]
    ) -> Any:
        value = body(self._memory.connection(kind, step))
        if asyncio.iscoroutine(value):
            value = drive(value)
        self._memory.save(kind, step._replace(result=encode(value)))
        return value

    async def emit(self, connection: Any, event: str, payload: bytes) -> None:
        self._memory.emit(event, payload)

    def report(self, progress: Progress) -> None:
        """Nobody looks."""


def _find(answers: dict[str, Any], wait: Wait, target: str, what: str) -> Any:
    for name in (wait.name, target):
        if name in answers:
            return answers[name]
    argument = "events" if what == "event" else "children"
    raise LookupError(
        f"the handler waits at `{wait.name}` for {what} `{target}`: give `{argument}={{{target!r}: ...}}` to answer it"
    )


def _ended(task: Task[Any, Any], id: bytes, payload: bytes, answer: Any) -> Child:
    try:
        if _is_error(answer):
            raise answer if isinstance(answer, BaseException) else answer()
        result = answer(task.decode(payload)) if callable(answer) else answer
    except Exception as error:
        return Child(id, "failed", None, {"type": type(error).__name__, "message": str(error)})
    return Child(id, "completed", task.encode_result(result), None)


def _times_out(answer: Any) -> bool:
    return isinstance(answer, TimeoutError) or (isinstance(answer, type) and issubclass(answer, TimeoutError))


def _is_error(answer: Any) -> bool:
    return isinstance(answer, Exception) or (isinstance(answer, type) and issubclass(answer, Exception))


def _duration(wait: Wait) -> timedelta | None:
    return None if wait.delay_ms is None else timedelta(milliseconds=wait.delay_ms)
