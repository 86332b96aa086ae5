"""The test clock: the database's time, moved by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

from pgconductor.duration import Duration, to_milliseconds
from pgconductor.errors import ValidationError
from pgconductor.store.testclock import move_clock, read_clock, set_clock


class Clock:
    """The time of one test's database: when sleeps end, retries and timeouts are due, retention has passed.

    It goes on by itself, like any clock. The leases of workers move with it, so a worker that runs meanwhile loses
    nothing. What Python calls now (`datetime.now`, `time.time`) does not move.

    Args:
        url: of a database that was made for a test.
        schema: of the engine.

    Example:
        >>> clock.advance("24h")  # doctest: +SKIP
        >>> conductor.drain()  # doctest: +SKIP
    """

    def __init__(self, url: str, schema: str) -> None:
        self._url = url
        self._schema = schema

    def now(self) -> datetime:
        """The database's time."""
        return read_clock(self._url, self._schema)

    def advance(self, duration: Duration) -> datetime:
        """Let time pass at once: "24h", a timedelta, or seconds.

        Returns:
            The new time.

        Raises:
            ValidationError: not a duration.
            DatabaseError: the database was not made for a test.
        """
        try:
            by = timedelta(milliseconds=to_milliseconds(duration))
        except (TypeError, ValueError) as error:
            raise ValidationError(f"the clock cannot be advanced: {error}; `set` moves it back") from None
        return move_clock(self._url, self._schema, by)

    def set(self, moment: datetime) -> datetime:
        """Go to a moment, past or future, aware of its time zone. Time goes on from there.

        Returns:
            The new time.

        Raises:
            ValidationError: not a moment with a time zone.
            DatabaseError: the database was not made for a test.
        """
        given: object = moment
        if not isinstance(given, datetime) or given.utcoffset() is None:
            raise ValidationError(f"the clock is set to a datetime with a time zone, not {moment!r}")
        return set_clock(self._url, self._schema, moment)
