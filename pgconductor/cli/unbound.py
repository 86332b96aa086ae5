"""`check --imports`: handlers that cannot be had, shown where they are named and where their modules raise."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

from pgconductor.cli import codes
from pgconductor.cli.project import Project
from pgconductor.config.codes import Code
from pgconductor.config.diagnostic import Diagnostic, Place, Related
from pgconductor.config.locate import Places
from pgconductor.config.model import Config
from pgconductor.runtime.handlers import Unbound, UnboundHandlers, bind

_CODES: dict[str, Code] = {
    "import": codes.MODULE_RAISES,
    "missing": codes.HANDLER_MISSING,
    "shape": codes.HANDLER_MISSHAPEN,
}
_WHAT = {"handler": "handler", "upgrade": "upgrade", "retry": "retry policy"}
_SCAFFOLD = "`pgconductor generate --scaffold` writes it"


def unbound(project: Project, config: Config) -> list[Diagnostic]:
    """Import every handler of the project, as `run` would; what is wrong with them, all at once.

    Raises:
        BindingError: the generated package cannot be imported.
    """
    project.importable()
    try:
        # What modules print when they are imported is not our data.
        with redirect_stdout(sys.stderr):
            bind(project.plan, project.plan.queues)
    except UnboundHandlers as error:
        places = Places(config)
        return [_diagnostic(problems, places) for problems in _by_cause(error.problems)]
    return []


def _by_cause(problems: Iterable[Unbound]) -> Iterator[list[Unbound]]:
    """A module that raises is told once, whatever the number of its handlers."""
    together: dict[object, list[Unbound]] = {}
    for problem in problems:
        module = problem.reference.partition(":")[0]
        together.setdefault((module, problem.kind) if problem.kind == "import" else problem, []).append(problem)
    yield from together.values()


def _diagnostic(problems: list[Unbound], places: Places) -> Diagnostic:
    first = problems[0]
    named = places.find(("tasks", first.task, first.key), "value")
    tasks = ", ".join(f"`{problem.task}`" for problem in problems)
    whose = f"of task {tasks}" if len(problems) == 1 else f"of tasks {tasks}"
    if first.cause is None:
        code, help = _CODES[first.kind], _SCAFFOLD if first.kind == "missing" and first.key == "handler" else None
        return Diagnostic(code.code, f"task `{first.task}`: {first.reason}", named, help)
    if _is_absent(first):
        module = first.reference.partition(":")[0]
        help = _SCAFFOLD if first.key == "handler" else None
        return Diagnostic(codes.HANDLER_MISSING.code, f"there is no module `{module}`", named, help)
    frames = list(user_frames(first.cause))
    if not frames:
        return Diagnostic(codes.MODULE_RAISES.code, first.reason, named)
    *led, last = frames
    notes = tuple(f"imported at {place}: {place.text.strip()}" for place in reversed(led))
    related = Related(named, f"the {_WHAT[first.key]} {whose}")
    return Diagnostic(codes.MODULE_RAISES.code, first.reason, last, related=related, notes=notes)


def _is_absent(problem: Unbound) -> bool:
    """Whether the handler's own module is what is missing, not something that it imports."""
    cause, module = problem.cause, problem.reference.partition(":")[0]
    if not isinstance(cause, ModuleNotFoundError) or cause.name is None:
        return False
    return module == cause.name or module.startswith(f"{cause.name}.")


def user_frames(error: BaseException) -> Iterator[Place]:
    """The lines of the user's own code that an exception passed through, outermost first."""
    for frame in traceback.extract_tb(error.__traceback__):
        if _is_users(frame.filename) and frame.lineno:
            yield _place(frame.filename, frame.lineno, frame.colno, frame.end_colno)
    if isinstance(error, SyntaxError) and error.filename and error.lineno and _is_users(error.filename):
        yield _place(error.filename, error.lineno, (error.offset or 1) - 1, error.end_offset and error.end_offset - 1)


def _place(file: str, line: int, start: int | None, end: int | None) -> Place:
    text = linecache.getline(file, line).rstrip("\n")
    first = len(text) - len(text.lstrip()) if start is None else start
    last = len(text) if end is None or end <= first else min(end, len(text))
    return Place.in_line(os.path.relpath(file), line, first + 1, max(last, first + 1) + 1, text)


def _is_users(file: str) -> bool:
    path = Path(file).resolve()
    installed = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    tool = Path(__file__).resolve().parents[1]
    return file.endswith(".py") and not any(path.is_relative_to(folder) for folder in (*installed, tool))
