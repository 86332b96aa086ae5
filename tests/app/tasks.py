"""The module `tasks` of a generated package, but for any task one asks for: each is made when it is looked up."""

from __future__ import annotations

from functools import cache
from typing import Any

from pgconductor.api.model import JsonValue, Model
from pgconductor.api.task import Task


class Work(Model):
    """The payload of every task here."""

    n: int = 0
    ms: int = 0
    text: str = ""


class Garbled(Task[Work, Any]):
    """One whose results cannot be stored."""

    def encode_result(self, result: Any) -> str | None:
        return '{"unfinished'


@cache
def __getattr__(name: str) -> Task[Work, Any]:
    if name.startswith("_"):
        raise AttributeError(name)
    # As bare as a task without `returns`, or with one of type `any`.
    kind: type[Task[Work, Any]] = Garbled if name.startswith("garbled") else Task
    result: Any = JsonValue if name.startswith("answer") else None
    return kind(name, name, "default", Work, result)
