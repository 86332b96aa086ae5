"""What the indexer does: ordinary functions, typed by the generated package."""

from __future__ import annotations

import ast
import asyncio
import tokenize
import warnings
from collections import Counter

from examples.conductor import Conductor, tasks
from examples.conductor.models import IndexFilePayload, IndexFileResult, Module, ReportPayload, ReportResult

LONGEST = 10


def index_file(payload: IndexFilePayload, ctx: tasks.SyncContext) -> IndexFileResult:
    """Runs in a process of its queue's pool."""
    try:
        with tokenize.open(payload.path) as file:
            source = file.read()
        kinds = Counter(map(type, ast.walk(_parse(source))))
    except (SyntaxError, UnicodeDecodeError):
        return IndexFileResult(module=payload.module, valid=False, lines=0, functions=0, classes=0)
    return IndexFileResult(
        module=payload.module,
        valid=True,
        lines=source.count("\n") + 1,
        functions=kinds[ast.FunctionDef] + kinds[ast.AsyncFunctionDef],
        classes=kinds[ast.ClassDef],
    )


async def report(payload: ReportPayload, ctx: tasks.Context) -> ReportResult:
    """Runs on the event loop. All results are asked for at once, and are the models that `index_file` returned."""
    async with Conductor.connect() as conductor:
        executions = (conductor.execution(id, tasks.index_file) for id in payload.executions)
        results = await asyncio.gather(*(execution.result() for execution in executions))
    longest = sorted(results, key=lambda module: module.lines, reverse=True)[:LONGEST]
    return ReportResult(
        files=len(results),
        invalid=sum(not module.valid for module in results),
        lines=sum(module.lines for module in results),
        functions=sum(module.functions for module in results),
        classes=sum(module.classes for module in results),
        longest=[Module(name=module.module, lines=module.lines) for module in longest],
    )


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the standard library's own old escapes
        return ast.parse(source)
