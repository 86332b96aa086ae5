from __future__ import annotations

from names.conductor import tasks
from names.conductor.models import HandlersPayload


class Context: ...


def handlers(payload: HandlersPayload, ctx: tasks.SyncContext) -> None: ...
