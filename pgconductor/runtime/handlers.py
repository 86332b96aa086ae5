"""Binding: the tasks of a plan to the handlers that serve them, every mismatch at once."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from pgconductor.api.task import Task
from pgconductor.errors import BindingError
from pgconductor.plan.model import Plan, TaskPlan
from pgconductor.runtime.policy import Policy


@dataclass(frozen=True, slots=True)
class Handler:
    """A task with what runs it.

    Attributes:
        function: what `handler` names.
        is_async: it is a coroutine function; otherwise it runs in a thread, or where the queue's executor says.
        upgrade: brings the payload of an older version up, as data: `upgrade(data, version) -> data`.
        policy: which exceptions are worth another attempt.
    """

    plan: TaskPlan
    task: Task[Any, Any]
    function: Callable[..., Any]
    is_async: bool
    upgrade: Callable[[Any, int], Any] | None
    policy: Policy


@dataclass(frozen=True, slots=True)
class Unbound:
    """One reason why a task has no handler.

    Attributes:
        task: its name.
        reference: what could not be had: "module:function".
        kind: the module cannot be imported, has no such function, or the function takes something else.
        cause: what the module raised.
        key: of the task, that has the reference.
    """

    task: str
    reference: str
    kind: Literal["import", "missing", "shape"]
    reason: str
    cause: BaseException | None = None
    key: Literal["handler", "upgrade", "retry"] = "handler"


class UnboundHandlers(BindingError):
    """Handlers that cannot be had.

    Attributes:
        problems: every one.
    """

    def __init__(self, problems: Iterable[Unbound]) -> None:
        self.problems = tuple(problems)
        count = "1 handler" if len(self.problems) == 1 else f"{len(self.problems)} handlers"
        lines = [f"  task `{problem.task}`: {problem.reason}" for problem in self.problems]
        super().__init__("\n".join([f"{count} could not be bound:", *lines]))


def bind(plan: Plan, queues: Iterable[str]) -> dict[str, Handler]:
    """The handlers of every task of `queues` that has one, by task key.

    Raises:
        UnboundHandlers: modules that do not import, functions that are missing or take the wrong arguments: all of
            them.
        BindingError: the generated package cannot be imported.
    """
    wanted = set(queues)
    served = [task for task in plan.tasks.values() if task.queue in wanted and task.handler]
    tasks = _generated(plan) if served else None
    handlers: dict[str, Handler] = {}
    problems: list[Unbound] = []
    for task in served:
        try:
            handlers[task.key] = bind_one(task, getattr(tasks, task.name))
        except UnboundHandlers as error:
            problems += error.problems
    if problems:
        raise UnboundHandlers(problems)
    return handlers


def bind_one(plan: TaskPlan, task: Task[Any, Any]) -> Handler:
    """The handler of one task.

    Raises:
        UnboundHandlers: it, its `upgrade` or a class of exceptions that its `retry` names cannot be had: all of them.
    """
    assert plan.handler is not None
    problems = unbound_exceptions(plan)
    function = upgrade = None
    try:
        function = _function(plan.handler)
    except _Unbound as problem:
        problems.insert(0, _told(plan, problem, "handler"))
    try:
        upgrade = load(plan.upgrade) if plan.upgrade else None
    except _Unbound as problem:
        problems.append(_told(plan, problem, "upgrade"))
    if function is None or problems:
        raise UnboundHandlers(problems)
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
    return Handler(plan, task, function, is_async, upgrade, policy_of(plan))


def unbound_exceptions(plan: TaskPlan) -> list[Unbound]:
    """What `retry_on` and `give_up_on` of a task name and cannot be had."""
    problems: list[Unbound] = []
    for reference in (*plan.retry.retry_on, *plan.retry.give_up_on):
        try:
            _exception(reference)
        except _Unbound as problem:
            problems.append(_told(plan, problem, "retry"))
    return problems


def policy_of(plan: TaskPlan) -> Policy:
    """Which exceptions are worth another attempt of a task; `unbound_exceptions` found none that is missing."""
    return Policy(tuple(map(_exception, plan.retry.retry_on)), tuple(map(_exception, plan.retry.give_up_on)))


class _Unbound(Exception):
    def __init__(self, reference: str, kind: Literal["import", "missing", "shape"], reason: str) -> None:
        super().__init__(reason)
        self.reference = reference
        self.kind = kind


def _generated(plan: Plan) -> ModuleType:
    try:
        return importlib.import_module(f"{plan.package}.tasks")
    except ImportError as error:
        raise BindingError(
            f"the generated package `{plan.package}` cannot be imported ({error}); run `pgconductor generate`, "
            "and start from the project's folder or install the project"
        ) from error


def _told(plan: TaskPlan, problem: _Unbound, key: Literal["handler", "upgrade", "retry"]) -> Unbound:
    return Unbound(plan.name, problem.reference, problem.kind, str(problem), problem.__cause__, key)


def _function(reference: str) -> Callable[..., Any]:
    function = load(reference)
    if not callable(function):
        raise _Unbound(reference, "shape", f"`{reference}` is not a function")
    _check_shape(reference, function)
    checked: Callable[..., Any] = function
    return checked


def _exception(reference: str) -> type[BaseException]:
    found = load(reference if ":" in reference else f"builtins:{reference}")
    if isinstance(found, type) and issubclass(found, BaseException):
        return found
    raise _Unbound(reference, "shape", f"`{reference}` in `retry` is not a class of exceptions")


def load(reference: str) -> Any:
    """The object that "module:function" names."""
    module_name, _, attribute = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        reason = f"`{module_name}` cannot be imported: {type(error).__name__}: {error}"
        raise _Unbound(reference, "import", reason) from error
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise _Unbound(reference, "missing", f"`{module_name}` has no `{attribute}`") from None
    return found


def _check_shape(reference: str, function: Callable[..., Any]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # a builtin without a signature: calling it will tell
    try:
        signature.bind("payload", "ctx")
    except TypeError as error:
        reason = f"`{reference}{signature}` must take (payload, ctx): {error}"
        raise _Unbound(reference, "shape", reason) from None
