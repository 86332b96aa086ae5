"""Executions that failed, in the log of a worker process: a traceback is shown once, and counted from then on."""

from __future__ import annotations

from collections import Counter

from pgconductor.dev.frames import user_place, user_trace


class Failures:
    """What has been shown. A generation has its own: after a save it is worth seeing again."""

    def __init__(self) -> None:
        self._times: Counter[tuple[str, ...]] = Counter()

    def tell(self, error: BaseException) -> tuple[str, str | None]:
        """What a failure adds to its line in the log.

        Returns:
            How often it has been seen, if not for the first time; and the traceback, if so. Neither where the line
            says it all: the exception did not come through code of the user's.
        """
        place = user_place(error)
        if not place:
            return "", None
        self._times[place] += 1
        times = self._times[place]
        return ("", user_trace(error)) if times == 1 else (f" (traceback above, {times:,} times now)", None)
