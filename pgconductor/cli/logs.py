"""What a running worker logs: one line an event, for people or for programs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

# What the records of handlers and workers carry beside their message, in the order in which it is written.
FIELDS = ("event", "task", "queue", "execution_id", "attempt", "duration_ms")


class TextFormatter(logging.Formatter):
    """`12:34:56.789 INFO    completed greet 0193... attempt 1 in 2.1 ms`, in the zone of the machine."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)-7s %(message)s%(context)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        # A handler's own line does not say whose it is.
        handler = record.name == "pgconductor.handlers"
        fields = fields_of(record) if handler else {}
        record.context = "".join(f" {name}={fields[name]}" for name in ("task", "execution_id") if name in fields)
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; times are UTC, ISO 8601."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_text:  # written by another process
            line["exception"] = record.exc_text
        elif record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The facts that a record of a worker or a handler carries."""
    facts = getattr(record, "pgconductor", None) or record.__dict__
    return {name: facts[name] for name in FIELDS if name in facts}


def configure_logs(handler: logging.Handler | None = None, *, format: str = "text", level: str = "info") -> None:
    """Log to stderr, or through `handler`.

    Args:
        format: "text" or "json".
        level: the lowest level that is shown.
    """
    handler = handler or logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
