"""The watchdog: says which handler keeps the event loop from turning.

A blocked loop loses no lease (the heartbeat has its own thread), but nothing else of the process moves: no claim, no
settle, no other handler. Whoever reads the log should learn the function's name, not guess.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback

logger = logging.getLogger("pgconductor")

BLOCKED_AFTER = 1.0
PULSE = 0.25


class Watchdog:
    """Watches the running loop from a thread. Created and started within that loop."""

    def __init__(self, blocked_after: float = BLOCKED_AFTER) -> None:
        self._blocked_after = blocked_after
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._stopping = threading.Event()
        self._turned_at = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="pgconductor watchdog", daemon=True)

    def start(self) -> None:
        self._pulse()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(1.0)  # it wakes at once

    def _pulse(self) -> None:
        self._turned_at = time.monotonic()
        if not self._stopping.is_set():
            self._loop.call_later(PULSE, self._pulse)

    def _watch(self) -> None:
        reported = 0.0
        while not self._stopping.wait(PULSE):
            turned_at = self._turned_at
            blocked = time.monotonic() - turned_at
            if blocked > self._blocked_after and turned_at != reported:
                reported = turned_at
                logger.warning(
                    'the event loop has been blocked for %.1f s (await, or use executor = "thread"); it is at\n%s',
                    blocked,
                    self._where(),
                )

    def _where(self) -> str:
        """The stack of the loop's thread, from the handler's first frame on."""
        frame = sys._current_frames().get(self._loop_thread)
        if frame is None:
            return "  (its thread is gone)"
        frames = traceback.extract_stack(frame)
        ours = [n for n, entry in enumerate(frames) if entry.filename.endswith("runtime/attempt.py")]
        return "".join(traceback.format_list(frames[ours[-1] + 1 :] if ours else frames[-8:])).rstrip()
