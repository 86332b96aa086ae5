"""What handlers do here: they count, so that it can be seen that every job ran once."""

import time


class Tally:
    """What a worker process hands its handlers as `ctx.deps`.

    Attributes:
        count: handlers that ran, but for those that only pause.
        total: the sum of their payloads: with the count, it tells a lost job from one that ran twice.
        stamps: for each probe its number and when its handler began, in nanoseconds of the machine's monotonic clock,
            which is one clock for all processes.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.stamps: list[tuple[int, int]] = []

    def add(self, i: int) -> None:
        self.count += 1
        self.total += i

    def stamp(self, i: int) -> None:
        self.stamps.append((i, time.monotonic_ns()))
        self.add(i)
