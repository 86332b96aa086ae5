from __future__ import annotations

from shop.conductor import tasks
from shop.conductor.models import (
    NightlyPayload,
    OldReportPayload,
    OldReportResult,
    ReportPayload,
    ReportResult,
)


def report(payload: ReportPayload, ctx: tasks.Context) -> ReportResult:
    return ReportResult(rows=payload.since.year + len(payload.groups))


def old_report(payload: OldReportPayload, ctx: tasks.Context) -> OldReportResult:
    return OldReportResult(rows=0)


async def nightly(payload: NightlyPayload, ctx: tasks.Context) -> None:
    print(payload.day.isoformat())
