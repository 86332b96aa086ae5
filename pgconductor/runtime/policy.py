"""Which exceptions are worth another attempt: `retry_on` and `give_up_on` of a task, as classes."""

from __future__ import annotations

from dataclasses import dataclass

from pgconductor.runtime.failure import is_one


@dataclass(frozen=True, slots=True)
class Policy:
    """The exceptions that a task's retries are for, and those that they are not for.

    Attributes:
        retry_on: only these, and their subclasses; empty: all.
        give_up_on: none of these, whatever `retry_on` says.
    """

    retry_on: tuple[type[BaseException], ...] = ()
    give_up_on: tuple[type[BaseException], ...] = ()

    def gives_up(self, error: BaseException) -> bool:
        """Whether no further attempt is made after this one."""
        if self.give_up_on and is_one(error, self.give_up_on):
            return True
        return bool(self.retry_on) and not is_one(error, self.retry_on)


EVERYTHING = Policy()
