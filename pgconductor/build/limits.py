"""Whether the limits of a type leave less room than others did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

# By name, as `Constrained` has them.
Limits: TypeAlias = "Mapping[Any, Any]"


def tightened(old: Limits, new: Limits, *, whole: bool) -> Iterator[str]:
    """What the new limits refuse and the old ones let pass, each the rest of a sentence.

    Args:
        whole: the values are whole numbers, so that `gt=0` is `ge=1`.

    >>> list(tightened({"ge": 0}, {"ge": 1}, whole=True))
    ['has `ge=1` and had `ge=0`']
    >>> list(tightened({"ge": 1}, {"gt": 0}, whole=True))
    []
    """
    for names, sign in ((("gt", "ge"), 1), (("lt", "le"), -1), (("min_length",), 1), (("max_length",), -1)):
        wanted = _bound(new, names, sign, whole)
        had = _bound(old, names, sign, whole)
        if wanted is not None and (had is None or had < wanted):
            yield _said(old, new, names)
    step = new.get("multiple_of")
    if step is not None and not _is_multiple(old.get("multiple_of"), step):
        yield _said(old, new, ("multiple_of",))
    pattern = new.get("pattern")
    if pattern is not None and pattern != old.get("pattern"):
        yield _said(old, new, ("pattern",))


def _bound(limits: Limits, names: tuple[str, ...], sign: int, whole: bool) -> tuple[Decimal, bool] | None:
    """The tightest bound on one side as something that grows with tightness."""
    found = []
    for name in names:
        if name in limits:
            value, strict = Decimal(repr(limits[name])) * sign, name in ("gt", "lt")
            if whole and strict and value == value.to_integral_value():
                value, strict = value + 1, False
            found.append((value, strict))
    return max(found, default=None)


def _is_multiple(value: Any, step: Any) -> bool:
    return value is not None and Decimal(repr(value)) % Decimal(repr(step)) == 0


def _said(old: Limits, new: Limits, names: tuple[str, ...]) -> str:
    now = " and ".join(f"`{name}={new[name]!r}`" for name in names if name in new)
    before = " and ".join(f"`{name}={old[name]!r}`" for name in names if name in old)
    return f"has {now} and had {before or 'no such limit'}"
