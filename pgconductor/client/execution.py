"""Handles of executions."""

from __future__ import annotations

from typing import Any, Generic
from uuid import UUID

from typing_extensions import TypeVar

from pgconductor.api.drive import drive
from pgconductor.api.task import Task
from pgconductor.client.ending import known, result_of, retried, seconds, timed_out
from pgconductor.client.link import Link
from pgconductor.duration import Duration
from pgconductor.store.executions import Outcome, State, cancel_query, outcomes_query, read_outcomes, retry_query

R = TypeVar("R", covariant=True, default=Any)

REASON = "cancelled by a client"


class Handle(Generic[R]):
    """What handles of both kinds are: an id, and perhaps the task that says what the result is."""

    __slots__ = ("_id", "_link", "_task")

    def __init__(self, execution_id: bytes, task: Task[Any, R] | None, link: Link) -> None:
        # As bytes: a bulk enqueue of a million should not make a million objects that nobody looks at.
        self._id = execution_id
        self._task = task
        self._link = link

    @property
    def id(self) -> UUID:
        """The execution's id, the same for its whole life."""
        return UUID(bytes=self._id)

    @property
    def task(self) -> str | None:
        """The task's name; None for a handle made from an id alone."""
        return self._task.name if self._task else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}{f' of {self.task}' if self.task else ''}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and other._id == self._id

    def __hash__(self) -> int:
        return hash(self._id)


class Execution(Handle[R]):
    """One execution, to be awaited, looked at or cancelled.

    Example:
        >>> execution = await conductor.send_email(payload)  # doctest: +SKIP
        >>> result = await execution.result(timeout="30s")  # doctest: +SKIP
    """

    __slots__ = ()

    async def result(self, timeout: Duration | None = None) -> R:
        """Wait for its end and return its result, of the type that the task declares.

        Args:
            timeout: give up after so long: "30s", a timedelta, or seconds; None waits for ever. The execution goes on.

        Raises:
            ExecutionFailed: its last attempt failed; `error_type` names the handler's exception.
            ExecutionCancelled: it was cancelled.
            ResultTimeout: it had not ended in time.
            ExecutionNotFound: there is none: its retention has passed, or it was never committed.
            DatabaseUnreachable: the database could not be asked.
        """
        return result_of(await self._ended(timeout), self._id, self._task)  # type: ignore[no-any-return]

    async def wait(self, timeout: Duration | None = None) -> State:
        """Wait for its end: "completed", "failed" or "cancelled". Raises as `result`, but for the first two."""
        return (await self._ended(timeout)).state

    async def status(self) -> State:
        """Its state now.

        Raises:
            ExecutionNotFound: there is none: its retention has passed, or it was never committed.
        """
        rows = await self._link.ask(outcomes_query(self._link.schema, [self._id]))
        return known(read_outcomes(rows).get(self._id), self._id, self._task).state

    async def cancel(self, reason: str = REASON) -> bool:
        """Stop it.

        Returns:
            True: it will never complete; one that runs is asked to stop and ends cancelled. False: it has ended
            already, or there is none.
        """
        rows = await self._link.ask(cancel_query(self._link.schema, self._id, reason))
        return bool(rows[0][0])

    async def retry(self, from_step: str | None = None) -> bool:
        """Run it again after it failed or was cancelled: with all its attempts, and without the steps that are done.

        The call that failed it by waiting in vain is made anew, and so are the waits that a cancellation ended.

        Args:
            from_step: forget this step and all that come after it.

        Returns:
            True: it will run again. False: it is neither failed nor cancelled, or there is none.

        Raises:
            ValidationError: it has no such step, another execution has its dedupe key by now, or its parent goes on
                with what became of it.
        """
        rows = await self._link.ask(retry_query(self._link.schema, self._id, from_step))
        return retried(rows[0][0], self._id)

    async def _ended(self, timeout: Duration | None) -> Outcome:
        try:
            return known(await self._link.outcome(self._id, seconds(timeout)), self._id, self._task)
        except TimeoutError:
            raise timed_out(self._id, timeout) from None


class SyncExecution(Handle[R]):
    """`Execution`, without await."""

    __slots__ = ()

    def result(self, timeout: Duration | None = None) -> R:
        """As `Execution.result`."""
        return drive(self._awaitable.result(timeout))

    def wait(self, timeout: Duration | None = None) -> State:
        """As `Execution.wait`."""
        return drive(self._awaitable.wait(timeout))

    def status(self) -> State:
        """As `Execution.status`."""
        return drive(self._awaitable.status())

    def cancel(self, reason: str = REASON) -> bool:
        """As `Execution.cancel`."""
        return drive(self._awaitable.cancel(reason))

    def retry(self, from_step: str | None = None) -> bool:
        """As `Execution.retry`."""
        return drive(self._awaitable.retry(from_step))

    @property
    def _awaitable(self) -> Execution[R]:
        return Execution(self._id, self._task, self._link)
