"""What is recorded of an exception: small, clean text, whatever the exception is like.

A traceback of 10 MB, a NUL, a lone surrogate or a `__str__` that raises must not keep an execution from being settled.
"""

from __future__ import annotations

import json
import traceback

MESSAGE_LIMIT = 4_000
TRACEBACK_LIMIT = 16_000
# Frames beyond this many are dropped from the middle: a recursion error has a thousand that say the same.
FRAME_LIMIT = 40


class Described(Exception):
    """Stands for an exception of another process that cannot be made again in this one: what was said of it there.

    Attributes:
        classes: the names of its class and of all that it inherits from.
    """

    def __init__(
        self, kind: str, message: str, trace: str, step: str | None = None, classes: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(kind, message, trace, step, classes)  # all of them, so that it can travel itself
        self.kind = kind
        self.message = message
        self.trace = trace
        self.step = step
        self.classes = classes

    @classmethod
    def of(cls, error: BaseException) -> Described:
        classes = frozenset(map(class_name, type(error).__mro__))
        return cls(kind_of(error), message_of(error), _traceback_of(error), _step_of(error), classes)


def class_name(kind: type) -> str:
    """How a class is called in every process that has it.

    >>> class_name(TimeoutError)
    'builtins:TimeoutError'
    """
    return f"{kind.__module__}:{kind.__qualname__}"


def is_one(error: BaseException, classes: tuple[type[BaseException], ...]) -> bool:
    """`isinstance`, also for one that was described by another process."""
    if isinstance(error, Described):
        return not error.classes.isdisjoint(map(class_name, classes))
    return isinstance(error, classes)


def error_record(error: BaseException) -> str:
    """`{"type", "message", "traceback"}` of an exception, as JSON that Postgres takes.

    >>> error_record(ValueError("no such order"))
    '{"type": "ValueError", "message": "no such order", "traceback": "ValueError: no such order\\\\n"}'
    """
    return error_text(kind_of(error), message_of(error), _traceback_of(error), _step_of(error))


def error_text(kind: str, message: str, trace: str | None = None, step: str | None = None) -> str:
    """The record of a failure that has no exception.

    Args:
        step: the durable call that failed the attempt by waiting in vain; it is made anew with the next attempt.
    """
    record = {"type": clean(kind, 200), "message": clean(message, MESSAGE_LIMIT)}
    if trace is not None:
        record["traceback"] = clean(trace, TRACEBACK_LIMIT)
    if step is not None:
        record["step"] = step
    return json.dumps(record)


def _step_of(error: BaseException | None) -> str | None:
    """The step of a child or a wait that failed, if that is what the exception is, or was raised from.

    Not what it was merely raised after: where a handler caught the failure and something else went wrong then, the next
    attempt has to find the failure again, and take the same way.
    """
    for _ in range(FRAME_LIMIT):
        if error is None:
            return None
        if isinstance(step := getattr(error, "step", None), str):
            return step
        error = error.__cause__
    return None


def kind_of(error: BaseException) -> str:
    """The name of the exception's class."""
    return error.kind if isinstance(error, Described) else type(error).__name__


def message_of(error: BaseException) -> str:
    """`str(error)`, or what can be said when that raises."""
    if isinstance(error, Described):
        return error.message
    try:
        return str(error)
    except BaseException as broken:  # a __str__ may raise anything, and its execution must still be settled
        return f"(the message could not be read: __str__ raised {type(broken).__name__})"


def clean(text: str, limit: int) -> str:
    """`text` without what Postgres or UTF-8 cannot hold, and no longer than `limit`: the middle goes."""
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _traceback_of(error: BaseException) -> str:
    if isinstance(error, Described):
        return error.trace
    try:
        return "".join(traceback.TracebackException.from_exception(error, limit=-FRAME_LIMIT, compact=True).format())
    except BaseException as broken:  # formatting calls __str__ and __repr__ of strangers
        return f"(the traceback could not be formatted: {type(broken).__name__})"
