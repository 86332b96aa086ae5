"""UUIDv7 as 16 bytes: 48 bits of milliseconds, then 74 random ones that only ever grow within a process.

Ids made one after the other sort in that order, so a bulk call keeps its order in claims and in listings. Python 3.14
has `uuid.uuid7`, which promises the same; but ids go to the server as bytes, and no object is made for one that nobody
looks at. In a batch an id costs 0.4 us, alone 3.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import time
from itertools import accumulate

_RANDOM_BITS = 74
_LOW_BITS = 62
_LOW = (1 << _LOW_BITS) - 1
_VERSION = 7 << 76
_VARIANT = 2 << 62

_lock = threading.Lock()
_last = 0  # time and random bits as one number: when the random bits run over, the time moves on by a millisecond


def uuid7_bytes(count: int) -> list[bytes]:
    """`count` new ids, each greater than every one before it in this process."""
    global _last
    noise = os.urandom(9 + 4 * count)
    now = time.time_ns() // 1_000_000 << _RANDOM_BITS | int.from_bytes(noise[:9], "big")
    # Steps of 1 to 2^32: the next id cannot be guessed from the last.
    steps = struct.unpack_from(f"{count}I", noise, 9)
    with _lock:
        numbers = list(accumulate(steps, _next, initial=max(_last, now)))
        _last = numbers[-1]
    return [_layout(number) for number in numbers[1:]]


def _next(number: int, step: int) -> int:
    return number + step + 1


def _layout(number: int) -> bytes:
    high = number >> _LOW_BITS  # 48 bits of time, 12 of the random ones
    return ((high >> 12) << 80 | _VERSION | (high & 0xFFF) << 64 | _VARIANT | number & _LOW).to_bytes(16, "big")


def _forget() -> None:
    global _last
    _last = 0


if sys.platform != "win32":
    # A forked child begins anew instead of going on from its parent's last number.
    os.register_at_fork(after_in_child=_forget)
