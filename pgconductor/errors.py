"""Every error pgconductor raises, as one tree.

    ConductorError
    ├── ConfigError              conductor.toml cannot be used: every Diagnostic at once (exit 3)
    ├── OutputError              generated files cannot be written: every GEN1xx at once (exit 1)
    ├── OutOfDateError           generated files differ from what generate would write (exit 4)
    ├── PlanError                plan.json is missing, damaged or of another format (exit 3)
    ├── BindingError             handlers are missing or misshapen, all of them at once (exit 3)
    ├── ValidationError          a payload, option or result was refused before anything was written
    ├── DatabaseError            the database (exit 6)
    │   ├── DatabaseUnreachable      no connection could be made, or it was lost
    │   ├── SchemaMismatch           the schema is newer, older, or of another application
    │   ├── DestructiveChange        apply would lose rows and was not told that it may (exit 5)
    │   └── EmbeddedUnavailable      the embedded Postgres cannot run here
    ├── ExecutionError           what `Execution.result()` and parents get
    │   ├── ExecutionFailed          the handler failed for good
    │   ├── ExecutionCancelled       it was cancelled
    │   ├── ExecutionNotFound        no such id, or its retention has passed
    │   ├── ResultTimeout            it had not ended in the time given
    │   ├── ChildFailed              in a parent: the child failed or was cancelled
    │   ├── ChildTimeout             in a parent: the child had not ended in the time given
    │   └── WaitTimeout              in a handler: no such event came in the time given
    ├── StepTimeout              a step took longer than the task's `step_timeout`
    ├── ReplayError              a handler broke the rules of durable calls: it fails, no retry
    └── HandlerSignal            raised by handlers to choose their outcome
        ├── Fatal                    fail now, no retry
        └── Retry                    try again, after a delay of the handler's choice

Each message says what happened and what to do next.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pgconductor.duration import Duration, to_milliseconds


class ConductorError(Exception):
    """Base of every error pgconductor raises."""

    exit_code: ClassVar[int] = 1


class ConfigError(ConductorError):
    """conductor.toml cannot be used. `pgconductor.config` raises it with every Diagnostic attached."""

    exit_code = 3


class OutputError(ConductorError):
    """Generated files would overwrite what is not ours, or leave the project; nothing was written."""


class OutOfDateError(ConductorError):
    """Generated files differ from what `pgconductor generate` would write now."""

    exit_code = 4


class PlanError(ConductorError):
    """plan.json is missing, damaged, or of a format this version does not read."""

    exit_code = 3


class BindingError(ConductorError):
    """Handlers named in the plan are missing or misshapen; the message lists every one."""

    exit_code = 3


class ValidationError(ConductorError, ValueError):
    """A payload, an option or a result was refused; nothing was written."""


class DatabaseError(ConductorError):
    """The database cannot do what was asked."""

    exit_code = 6


class DatabaseUnreachable(DatabaseError):
    """No connection could be made, or the connection was lost."""


class SchemaMismatch(DatabaseError):
    """The schema in the database is newer, older, or belongs to another application."""


class DestructiveChange(DatabaseError):
    """Applying the plan would lose rows and `conductor.toml` does not say that it may."""

    exit_code = 5


class EmbeddedUnavailable(DatabaseError):
    """The embedded Postgres cannot run here; the message names the extra or the setting that helps."""


class ExecutionError(ConductorError):
    """An execution ended without a result.

    Attributes:
        execution_id: the execution, as text.
        error_type: the class name of the handler's exception, if there was one.
    """

    def __init__(self, message: str, *, execution_id: str, error_type: str | None = None) -> None:
        super().__init__(message)
        self.execution_id = execution_id
        self.error_type = error_type

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


class ExecutionFailed(ExecutionError):
    """The handler failed and no attempt is left."""


class ExecutionCancelled(ExecutionError):
    """The execution was cancelled."""


class ExecutionNotFound(ExecutionError):
    """No execution has this id, or its retention has passed."""


class ResultTimeout(ExecutionError, TimeoutError):
    """The execution had not ended in the time given; it goes on."""


class _CallFailed(ExecutionError):
    """A durable call that waited in vain.

    Attributes:
        step: its name. When the attempt fails with this error, the next attempt makes the call anew.
    """

    def __init__(self, message: str, *, step: str, execution_id: str, error_type: str | None = None) -> None:
        super().__init__(message, execution_id=execution_id, error_type=error_type)
        self.step = step


class ChildFailed(_CallFailed):
    """A child that the handler invoked failed, or was cancelled.

    Attributes:
        step: the name of the call that invoked it.
        task: the name of the child's task.
        state: "failed" or "cancelled".
        execution_id: the child's.
        error_type: the class name of the child's exception.
        reason: its message.
    """

    def __init__(
        self, *, step: str, task: str, execution_id: str, state: str, error_type: str | None, reason: str
    ) -> None:
        what = "was cancelled" if state == "cancelled" else f"failed: {error_type or 'error'}"
        super().__init__(
            f"`{step}`: execution {execution_id} of task `{task}` {what}: {reason}",
            step=step,
            execution_id=execution_id,
            error_type=error_type,
        )
        self.task = task
        self.state = state
        self.reason = reason


class ChildTimeout(_CallFailed, TimeoutError):
    """A child had not ended in the time given. It is cancelled, or asked to stop if it runs."""


class WaitTimeout(_CallFailed, TimeoutError):
    """The awaited event did not come in the time given."""


class StepTimeout(ConductorError, TimeoutError):
    """A step took longer than the task's `step_timeout`. The attempt fails with it unless the handler catches it."""


class ReplayError(ConductorError):
    """A handler cannot be replayed: it used a name twice, swallowed a suspension, or changed what a call is.

    No further attempt is made: it would do the same. Mend the handler, then `pgconductor executions retry`.
    """


def _restore(kind: type[ExecutionError], args: tuple[Any, ...], state: dict[str, Any]) -> ExecutionError:
    """Make an error again in another process, whatever its constructor takes."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class HandlerSignal(ConductorError):
    """Base of what a handler raises to choose its own outcome."""


class Fatal(HandlerSignal):
    """Fail this execution now: no further attempt is made.

    Example:
        >>> raise Fatal("the order does not exist")  # doctest: +SKIP
    """


class Retry(HandlerSignal):
    """Try again after a delay of the handler's choice. It costs an attempt like any failure.

    Args:
        message: why, kept as the execution's last error.
        delay: a duration (seconds, a ``timedelta`` or text such as ``"5m"``); None follows the task's schedule.

    Example:
        >>> raise Retry("the service is busy", delay="5m")  # doctest: +SKIP
    """

    def __init__(self, message: str = "retry requested", *, delay: Duration | None = None) -> None:
        super().__init__(message)
        self.delay_ms: int | None = None if delay is None else to_milliseconds(delay)
