"""Numbers and moments as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def ago(moment: datetime | None, now: datetime) -> str:
    """How long before `now`, in its two largest units: "3m 20s". "-" when there is no moment."""
    return "-" if moment is None else lasting((now - moment).total_seconds())


def lasting(seconds: float) -> str:
    """A length of time in its two largest units.

    >>> lasting(200), lasting(0.2), lasting(93_600)
    ('3m 20s', '0s', '1d 2h')
    """
    parts: list[str] = []
    left = max(0, int(seconds))
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or (parts and left):
            parts.append(f"{count}{unit}")
    return " ".join(part for part in parts[:2] if part[0] != "0") or "0s"


def took(seconds: float) -> str:
    """A length of time that may be short.

    >>> took(0.0123), took(2.34), took(200)
    ('12 ms', '2.3 s', '3m 20s')
    """
    if seconds < 1:
        return f"{max(0, seconds) * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else lasting(seconds)


def many(count: int, *, exact: bool = True) -> str:
    """A count; one that was estimated says so, and shows no digits that mean nothing.

    >>> many(1234), many(998_877, exact=False)
    ('1,234', '~999,000')
    """
    if exact or count == 0:
        return f"{count:,}"
    return f"~{int(float(f'{count:.3g}')):,}"


def per_minute(rate: float) -> str:
    """A rate without digits that mean nothing.

    >>> per_minute(0), per_minute(12), per_minute(123_456.7)
    ('0', '12', '123,457')
    """
    return f"{rate:,.0f}"


def local(moment: datetime) -> str:
    """A moment in the zone of this machine."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso(moment: datetime | None) -> str | None:
    """A moment for programs."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def counted(count: int, noun: str) -> str:
    """
    >>> counted(1, "queue"), counted(2, "queue")
    ('1 queue', '2 queues')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
