"""The durable calls, written once: `Context` awaits them, `SyncContext` drives them over a host that blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from pgconductor.api.event import Event
from pgconductor.api.host import Body, Expired, Host
from pgconductor.api.interrupt import Released, Suspended
from pgconductor.api.replay import Place, Replay
from pgconductor.api.steps import step_function
from pgconductor.api.task import Task
from pgconductor.duration import Duration, to_milliseconds
from pgconductor.errors import ChildFailed, ChildTimeout, StepTimeout, ValidationError, WaitTimeout
from pgconductor.store.records import Child, Kind, Progress, Recorded, StepResult, Wait

# As long as anybody can mean it; more is a unit mistaken for another.
LONGEST_MS = 100 * 366 * 24 * 3600 * 1000


class Calls:
    """The durable calls of one attempt.

    Args:
        id, lease: of the execution.
        step_timeout: seconds that one step may take.
    """

    def __init__(self, id: bytes, lease: int, replay: Replay, host: Host, step_timeout: float | None) -> None:
        self._id = id
        self._lease = lease
        self.replay = replay
        self._host = host
        self._size_limit = host.size_limit
        self._step_timeout = step_timeout

    async def step(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], place: Place
    ) -> Any:
        known = step_function(function)
        found = self._call(name, "step", place)
        if isinstance(found, Recorded):
            return known.decode(name, found.result)
        started = self._begin()
        try:
            work = self._host.run(function, args, kwargs, known.is_async)
            value = await (work if self._step_timeout is None else self._limited(name, work))
            text = self._sized(name, known.encode(name, value))
            took = int((time.perf_counter() - started) * 1e6)
            await self._host.save(StepResult(self._id, self._lease, name, found, text, took))
        finally:
            self.replay.active -= 1
        if self._host.stopping:
            raise Released
        return value

    async def transaction(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], place: Place
    ) -> Any:
        known = step_function(function)
        found = self._call(name, "transaction", place)
        if isinstance(found, Recorded):
            return known.decode(name, found.result)

        def body(connection: Any) -> Any:
            return function(connection, *args, **kwargs)

        def encode(value: Any) -> bytes:
            return self._sized(name, known.encode(name, value))

        return await self._transact(name, "transaction", found, body, encode)

    async def emit(self, name: str, event: Event[Any], payload: Any, place: Place) -> None:
        raw = event.encode(payload, self._host.size_limit)
        found = self._call(name, "emit", place)
        if isinstance(found, Recorded):
            return

        def body(connection: Any) -> Any:
            return self._host.emit(connection, event.name, raw)

        await self._transact(name, "emit", found, body, lambda _: b"null")

    async def sleep(self, name: str, duration: Duration, place: Place) -> None:
        delay_ms = _milliseconds("duration", name, duration)
        found = self._call(name, "sleep", place, waits=True)
        if isinstance(found, Recorded):
            if not found.over:
                await self._park_again(found, place)
            return
        await self._park(Wait(name, "sleep", found, delay_ms=delay_ms), place)

    async def sleep_until(self, name: str, when: datetime, place: Place) -> None:
        moment: object = when
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            raise ValidationError(f"`{name}`: a moment is a datetime with a time zone, not {when!r}")
        found = self._call(name, "sleep", place, waits=True)
        if isinstance(found, Recorded):
            if not found.over:
                await self._park_again(found, place)
            return
        await self._park(Wait(name, "sleep", found, until=when), place)

    async def invoke(
        self,
        name: str,
        task: Task[Any, Any],
        payload: Any,
        timeout: Duration | None,
        options: Mapping[str, Any],
        place: Place,
    ) -> Any:
        limit_ms = None if timeout is None else _milliseconds("timeout", name, timeout)
        found = self._call(name, "invoke", place, waits=True)
        if isinstance(found, int):
            children = self._host.children(task, [payload], options, patient=limit_ms is None)
            wait = Wait(name, "invoke", found, delay_ms=limit_ms, target=task.key, children=children)
            await self._park(wait, place)
        (child,) = await self._ended(found, task, place)
        return _result_of(name, task, child)

    async def map(
        self,
        name: str,
        task: Task[Any, Any],
        payloads: Iterable[Any],
        max_parallel: int | None,
        timeout: Duration | None,
        return_errors: bool,
        options: Mapping[str, Any],
        place: Place,
    ) -> list[Any]:
        limit_ms = None if timeout is None else _milliseconds("timeout", name, timeout)
        most: object = max_parallel
        if most is not None and (not isinstance(most, int) or most < 1):
            raise ValidationError(f"`{name}`: `max_parallel` is an integer from 1, not {max_parallel!r}")
        found = self._call(name, "map", place, waits=True)
        if isinstance(found, int):
            items = self._host.children(task, payloads, options, patient=limit_ms is None)
            if not items:
                return []
            wait = Wait(name, "map", found, limit_ms, None, task.key, children=items, max_parallel=max_parallel)
            await self._park(wait, place)
        return _results_of(name, task, await self._ended(found, task, place), return_errors)

    async def wait_for(
        self, name: str, event: Event[Any], where: Mapping[str, Any] | None, timeout: Duration | None, place: Place
    ) -> Any:
        limit_ms = None if timeout is None else _milliseconds("timeout", name, timeout)
        match = event.match(where)
        found = self._call(name, "event", place, waits=True)
        if isinstance(found, int):
            await self._park(Wait(name, "event", found, limit_ms, None, event.name, match), place)
        if found.state == "waiting":
            await self._park_again(found, place)
        if found.state == "timed_out":
            raise WaitTimeout(
                f"`{name}`: no event `{event.name}` came in time", step=name, execution_id=str(UUID(bytes=self._id))
            )
        return event.decode(found.result or "null")

    async def checkpoint(self) -> None:
        if self.replay.closed:
            raise Suspended
        await self._host.breathe()
        if self._host.stopping:
            raise Released

    def progress(self, done: float, total: float | None, note: str | None) -> None:
        self._host.report(Progress(self._id, self._lease, float(done), None if total is None else float(total), note))

    def _call(self, name: str, kind: Kind, place: Place, *, waits: bool = False) -> Recorded | int:
        """A call's record or position. Where the run is being left already, only what can be waited for is let in."""
        if self.replay.closed or (self.replay.suspended_at is not None and not waits):
            raise Suspended
        return self.replay.call(name, kind, place, self._host.in_branch)

    def _begin(self) -> float:
        self.replay.active += 1
        return time.perf_counter()

    async def _transact(self, name: str, kind: Kind, position: int, body: Body, encode: Callable[[Any], bytes]) -> Any:
        self._begin()
        try:
            step = StepResult(self._id, self._lease, name, position, b"", 0)
            value = await self._host.transact(kind, step, body, encode, self._step_timeout)
        except Expired:
            raise self._timed_out(name) from None
        finally:
            self.replay.active -= 1
        if self._host.stopping:
            raise Released
        return value

    async def _limited(self, name: str, work: Any) -> Any:
        assert self._step_timeout is not None
        try:
            return await self._host.within(self._step_timeout, work)
        except Expired:
            raise self._timed_out(name) from None

    def _timed_out(self, name: str) -> StepTimeout:
        return StepTimeout(f"step `{name}` took longer than {self._step_timeout:g} s")

    def _sized(self, name: str, text: bytes) -> bytes:
        if len(text) > self._size_limit:
            raise ValidationError(
                f"the result of `{name}` has {len(text):,} bytes as JSON, more than the {self._size_limit:,} of "
                "`size_limit`; store it elsewhere and return its address"
            )
        return text

    async def _ended(self, found: Recorded, task: Task[Any, Any], place: Place) -> Sequence[Child]:
        if found.target != task.key:
            raise self.replay.misused(
                f"{place}: `{found.name}` invokes task `{task.key}` now, and invoked `{found.target}` when this "
                "execution ran before; give the new call a new name"
            )
        if found.state == "waiting":
            await self._park_again(found, place)
        if found.state == "timed_out":
            raise ChildTimeout(
                f"`{found.name}`: task `{task.name}` had not ended in time and was cancelled",
                step=found.name,
                execution_id=str(UUID(bytes=self._id)),
            )
        return found.children

    async def _park(self, wait: Wait, place: Place) -> NoReturn:
        self.replay.waits.append(wait)
        await self._suspend(place)

    async def _park_again(self, found: Recorded, place: Place) -> NoReturn:
        self.replay.waited.append(found)
        await self._suspend(place)

    async def _suspend(self, place: Place) -> NoReturn:
        """Leave the run, once no branch beside this one is in the midst of a step."""
        if self._host.in_branch():
            await self._host.breathe()
        while self.replay.active:
            await self._host.pause()
        self.replay.suspended_at = self.replay.suspended_at or place
        raise Suspended


def _milliseconds(what: str, name: str, duration: Duration) -> int:
    try:
        milliseconds = to_milliseconds(duration)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"`{name}`: the {what} is refused: {error}") from None
    if milliseconds > LONGEST_MS:
        raise ValidationError(f"`{name}`: the {what} is longer than a hundred years: {duration!r}")
    return milliseconds


def _result_of(name: str, task: Task[Any, Any], child: Child) -> Any:
    if child.state == "completed":
        return task.decode_result(child.result)
    error = child.error or {}
    raise ChildFailed(
        step=name,
        task=task.name,
        execution_id=str(UUID(bytes=child.id)),
        state=child.state or "failed",
        error_type=error.get("type"),
        reason=error.get("message") or "its record is gone",
    )


def _results_of(name: str, task: Task[Any, Any], children: Sequence[Child], return_errors: bool) -> list[Any]:
    results: list[Any] = []
    for child in children:
        try:
            results.append(_result_of(name, task, child))
        except ChildFailed as error:
            if not return_errors:
                raise
            results.append(error)
    return results
