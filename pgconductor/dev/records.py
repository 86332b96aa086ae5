"""Log records on their way from a worker process to dev, where they are written like any other."""

from __future__ import annotations

import logging
from typing import Any

from pgconductor.dev.channel import Message, WorkerEnd
from pgconductor.dev.failures import Failures

# What `logger.log(..., extra=...)` of workers and of handlers adds to a record.
_EXTRA = ("pgconductor", "event", "task", "queue", "execution_id", "attempt", "duration_ms")


class Forwarder(logging.Handler):
    """Sends each record to dev."""

    def __init__(self, channel: WorkerEnd) -> None:
        super().__init__()
        self._channel = channel
        self._formatter = logging.Formatter()
        self._failures = Failures()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._channel.send("log", **self._content(record))
        except Exception:
            self.handleError(record)

    def _content(self, record: logging.LogRecord) -> dict[str, Any]:
        times, exception = self._failure(record)
        return {
            "name": record.name,
            "levelno": record.levelno,
            "levelname": record.levelname,
            "created": record.created,
            "msecs": record.msecs,
            "msg": record.getMessage() + times,
            "exc_text": exception,
            **{name: getattr(record, name) for name in _EXTRA if hasattr(record, name)},
        }

    def _failure(self, record: logging.LogRecord) -> tuple[str, str | None]:
        if record.exc_info:
            return "", self._formatter.formatException(record.exc_info)
        failure: BaseException | None = getattr(record, "failure", None)
        return ("", None) if failure is None else self._failures.tell(failure)


def replay(message: Message) -> None:
    """Log what a worker process logged."""
    content = {name: value for name, value in message.items() if name != "type"}
    record = logging.makeLogRecord(content)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
