"""Moments as the 8 bytes of the server, for what only goes back to it: no `datetime` is made on the way."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_TIMESTAMPTZ_OID = 1184


@dataclass(frozen=True, slots=True)
class Moment:
    """A `timestamptz` parameter made of what `timestamptz_send` gave."""

    sent: bytes


class MomentDumper(Dumper):
    """The binary form: what was sent."""

    format = Format.BINARY
    oid = _TIMESTAMPTZ_OID

    def dump(self, obj: Moment) -> Buffer:
        return obj.sent


LONG_AGO = Moment(b"\x80" + bytes(7))  # -infinity

psycopg.adapters.register_dumper(Moment, MomentDumper)
