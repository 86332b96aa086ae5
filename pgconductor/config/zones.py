"""IANA time zones."""

from __future__ import annotations

import functools
from importlib.resources import files

from pgconductor.config import codes, readers
from pgconductor.config.node import Node
from pgconductor.config.reader import takes
from pgconductor.config.suggestion import did_you_mean


@takes({"$ref": "#/definitions/zone"})
def zone(node: Node) -> str:
    """The name of a time zone."""
    name = readers.text(node)
    if name not in names():
        help = did_you_mean(name, names(), 'write an IANA name such as "Europe/Amsterdam", or "UTC"')
        raise node.report(codes.ZONE, f"unknown time zone `{name}`", help)
    return name


@functools.cache
def names() -> frozenset[str]:
    """Every name of the IANA database, from the `tzdata` package.

    The machine's own files would differ from one machine to the next, and reading their directories takes 70 ms.
    """
    return frozenset((files("tzdata") / "zones").read_text("ascii").split())
