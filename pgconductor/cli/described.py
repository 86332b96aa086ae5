"""One execution with all there is to know of it, for programs and for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pgconductor.cli.figures import iso, local
from pgconductor.store.executions import ExecutionRow


def as_object(row: ExecutionRow) -> dict[str, Any]:
    """An execution for programs."""
    return {name: _plain(value) for name, value in asdict(row).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, UUID) else value


def described(row: ExecutionRow) -> Iterator[str]:
    """An execution for people, a line a fact."""
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
    if error:
        summary = f"{error.get('type')}: {error.get('message')}"
        yield f"{'error':12} {printable(summary)}"
    if traceback:
        yield "\n" + printable(str(traceback).rstrip())


def printable(text: str) -> str:
    """What a handler's exception said must not drive the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
