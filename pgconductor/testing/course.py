"""The course of an execution in a crash test: followed to its end, while what it waits for is brought about."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import pydantic_core

from pgconductor.store.emission import emit_query
from pgconductor.store.executions import ENDED, State
from pgconductor.store.inspection import inspect
from pgconductor.store.outlook import Awaited, Outlook, lapse, list_awaited, read_outlook
from pgconductor.store.query import AnyConnection, run_blocking
from pgconductor.store.testclock import move_clock

LOOK_EVERY = 0.01
# Past the moment that something is due at.
SLACK = timedelta(milliseconds=1)


class Worker(Protocol):
    @property
    def alive(self) -> bool: ...


class Course:
    """Answers waits for events, and lets time pass whenever nothing else can happen.

    Args:
        events: payloads, or functions of a wait's `where`, by the event's name.
        timeout: seconds until the execution must have ended.
    """

    def __init__(self, url: str, schema: str, execution: bytes, events: Mapping[str, Any], timeout: float) -> None:
        self._url = url
        self._schema = schema
        self._execution = UUID(bytes=execution)
        self._events = events
        self._deadline = time.monotonic() + timeout
        self._timeout = timeout

    def follow(self, worker: Worker) -> State | None:
        """Go on until the execution has ended, or the worker has.

        Returns:
            How the execution ended.

        Raises:
            AssertionError: it waits for what cannot happen, or takes too long.
        """
        with inspect(self._url) as connection:
            while worker.alive:
                outlook = read_outlook(connection, self._schema, self._execution)
                if outlook.state in ENDED:
                    return outlook.state
                assert time.monotonic() < self._deadline, (
                    f"the execution had not ended after {self._timeout:g} s: it is {outlook.state}"
                )
                if not outlook.busy:
                    self._go_on(connection, outlook)
                time.sleep(LOOK_EVERY)
        return None

    def bury(self) -> None:
        """The worker is dead, and nobody need wait for its leases to lapse."""
        with inspect(self._url) as connection:
            lapse(connection, self._schema)

    def _go_on(self, connection: AnyConnection, outlook: Outlook) -> None:
        awaited = list_awaited(connection, self._schema)
        answered = [wait for wait in awaited if wait.event in self._events]
        if answered:
            for wait in answered:
                self._emit(connection, wait)
        elif outlook.next_due is not None:
            if outlook.next_due > 0:
                move_clock(self._url, self._schema, timedelta(seconds=outlook.next_due) + SLACK)
        else:
            names = ", ".join(f"`{wait.event}` at `{wait.step}`" for wait in awaited) or "nothing that can happen"
            raise AssertionError(f"the execution waits for {names}: give `events` to answer it")

    def _emit(self, connection: AnyConnection, wait: Awaited) -> None:
        answer = self._events[wait.event]
        payload = answer(wait.match) if callable(answer) else answer
        run_blocking(connection, [emit_query(self._schema, wait.event, pydantic_core.to_json(payload))])
