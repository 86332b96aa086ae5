"""What the indexer does: ordinary functions, typed by the generated package."""

from __future__ import annotations

import ast
import asyncio
import tokenize
import warnings
from pathlib import Path

from examples.conductor import Conductor, tasks
from examples.conductor.models import IndexFilePayload, IndexFileResult, Module, ReportPayload, ReportResult
from pgconductor.errors import ExecutionFailed, Fatal

LONGEST = 10


def index_file(payload: IndexFilePayload, ctx: tasks.Context) -> IndexFileResult:
    """Runs in a process of its queue's pool."""
    tree, lines = _parse(Path(payload.path))
    kinds = [type(node) for node in ast.walk(tree)]
    return IndexFileResult(
        module=payload.module,
        lines=lines,
        functions=kinds.count(ast.FunctionDef) + kinds.count(ast.AsyncFunctionDef),
        classes=kinds.count(ast.ClassDef),
    )


async def report(payload: ReportPayload, ctx: tasks.Context) -> ReportResult:
    """Runs on the event loop. Results are asked for all at once, and arrive as the models that `index_file` returned."""
    async with Conductor.connect() as conductor:
        executions = (conductor.index_file.execution(id) for id in payload.executions)
        outcomes = await asyncio.gather(*(execution.result() for execution in executions), return_exceptions=True)
    found: list[IndexFileResult] = []
    unreadable = 0
    for outcome in outcomes:
        if isinstance(outcome, ExecutionFailed):
            unreadable += 1  # the standard library holds files that are broken on purpose, for its own tests
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            found.append(outcome)
    longest = sorted(found, key=lambda module: module.lines, reverse=True)[:LONGEST]
    return ReportResult(
        files=len(found),
        unreadable=unreadable,
        lines=sum(module.lines for module in found),
        functions=sum(module.functions for module in found),
        classes=sum(module.classes for module in found),
        longest=[Module(name=module.module, lines=module.lines) for module in longest],
    )


def _parse(path: Path) -> tuple[ast.Module, int]:
    try:
        with tokenize.open(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = file.read()
            return ast.parse(source, str(path)), source.count("\n") + 1
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise Fatal(f"{path.name} is not valid Python: {error}") from error
