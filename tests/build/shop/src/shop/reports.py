from __future__ import annotations

from shop.conductor import tasks
from shop.conductor.models import (
    NightlyPayload,
    OldReportPayload,
    OldReportResult,
    ReportPayload,
    ReportResult,
)


def report(payload: ReportPayload, ctx: tasks.SyncContext) -> ReportResult:
    return ReportResult(rows=payload.since.year + len(payload.groups))


def old_report(payload: OldReportPayload, ctx: tasks.SyncContext) -> OldReportResult:
    return OldReportResult(rows=0)


async def nightly(payload: NightlyPayload, ctx: tasks.Context) -> None:
    print(payload.day.isoformat())
