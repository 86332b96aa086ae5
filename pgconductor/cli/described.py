"""One execution with all there is to know of it, for programs and for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pgconductor.cli.figures import iso, local
from pgconductor.cli.timeline import own_frames, printable, progress, timeline
from pgconductor.store.executions import ExecutionRow
from pgconductor.store.timeline import Timeline


def as_object(row: ExecutionRow) -> dict[str, Any]:
    """An execution for programs."""
    return {name: _plain(value) for name, value in asdict(row).items()}


def trace_as_object(trace: Timeline) -> dict[str, Any]:
    """What an execution went through, for programs: `attempts`, `steps`, `changes`, `retries` and `progress`."""
    plain: dict[str, Any] = _plain(asdict(trace))
    return plain


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return iso(value)
        case UUID():
            return str(value)
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value


def described(row: ExecutionRow, trace: Timeline) -> Iterator[str]:
    """An execution for people: a line a fact, then a line for each thing that happened."""
    error = row.error or {}
    traceback = error.get("traceback")
    for name, value in asdict(row).items():
        if value is None or name == "error":
            continue
        if isinstance(value, datetime):
            value = local(value)
        elif name in ("payload", "result"):
            value = json.dumps(value, ensure_ascii=False)
        elif isinstance(value, list):
            value = ", ".join(value)
        yield f"{name.replace('_', ' '):12} {value}"
    if trace.progress:
        yield f"{'progress':12} {progress(trace.progress)}"
    if error:
        summary = f"{error.get('type')}: {error.get('message')}"
        yield f"{'error':12} {printable(summary)}"
    yield "\n" + timeline(row, trace)
    if traceback:
        yield "\n" + printable(own_frames(str(traceback)).rstrip())
