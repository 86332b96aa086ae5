"""How a run is left before its end. Not Exceptions: a handler's `except Exception` must not swallow them."""

from __future__ import annotations


class Interrupt(BaseException):
    """Base of what ends a run from within a call of the context. Let it pass: `finally` blocks run as usual."""


class Suspended(Interrupt):
    """The execution parks, and goes on from the same line when what it waits for has happened."""


class Released(Interrupt):
    """The worker stops, or no longer holds the execution: another one goes on from the last step."""


class Stopped(Interrupt):
    """A sync handler was asked to stop: by a cancellation or a timeout."""


def interrupt_of(error: BaseException) -> Interrupt | None:
    """The interrupt that an exception is, or that a group of branches ended with; None for any other."""
    if isinstance(error, Interrupt):
        return error
    if isinstance(error, BaseExceptionGroup):
        interrupts = [interrupt_of(inner) for inner in error.exceptions]
        if all(interrupts):
            return next((found for found in interrupts if not isinstance(found, Suspended)), interrupts[0])
    return None
