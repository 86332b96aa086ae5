"""`check --against`: another plan, of git or of a file, and what its rows could not survive."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pgconductor.build.compatibility import compare
from pgconductor.build.compile import compile_plan
from pgconductor.build.render import plan_path
from pgconductor.config.diagnostic import Diagnostic
from pgconductor.config.locate import Places
from pgconductor.config.model import Config
from pgconductor.errors import PlanError
from pgconductor.plan.model import Plan

GIT = "git:"


def incompatible(config: Config, against: str) -> tuple[list[Diagnostic], tuple[str, ...]]:
    """What rows that were queued under another plan cannot survive under this configuration.

    Args:
        against: `git:REV`, or the path of a plan.json or of its folder.

    Returns:
        The problems, and what could not be compared.

    Raises:
        PlanError: there is no such plan.
    """
    found = compare(_read(config, against), compile_plan(config))
    places = Places(config)
    diagnostics = [
        Diagnostic(change.code.code, change.message, places.find(change.path), change.help) for change in found.changes
    ]
    diagnostics.sort(key=lambda item: (item.place.file, item.place.line, item.place.col))
    return diagnostics, found.unknown


def _read(config: Config, against: str) -> Plan:
    if against.startswith(GIT):
        return Plan.from_json(_committed(config, against.removeprefix(GIT)))
    path = Path(against)
    if not path.exists():
        raise PlanError(f"there is no {path}; name `{GIT}REV`, or the path of a plan.json or of its folder")
    return Plan.load(path / "plan.json" if path.is_dir() else path)


def _committed(config: Config, revision: str) -> bytes:
    """plan.json as it was at a revision."""
    if not revision or revision.startswith("-"):
        raise PlanError(f"`{GIT}{revision}` names no revision; write for example `{GIT}main`")
    path = plan_path(config)
    command = ["git", "show", f"{revision}:./{path}"]
    try:
        done = subprocess.run(command, cwd=config.path.parent, capture_output=True, check=False)
    except OSError as error:
        raise PlanError(
            f"git cannot be run ({error.strerror}); name a plan file instead of `{GIT}{revision}`"
        ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise PlanError(
            f"git has no {path} at `{revision}` ({said}); fetch the revision, or name one in which the generated "
            "files are committed"
        )
    return done.stdout
