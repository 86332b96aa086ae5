"""Where a project's plan.json is, for those who were not told."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pgconductor.errors import PlanError

# As `pgconductor.config.discover` finds it; that package takes longer to import than most commands to run.
CONFIG = "conductor.toml"
PLAN = "plan.json"
REPOSITORY_MARKS = (".git", ".hg", ".jj", ".svn")

# How deep below the project plan.json may lie where no conductor.toml tells: src/company/product/conductor/plan.json.
DEEPEST = 6


def search_plan(start: Path, *, named: str | None = None, config: str | Path | None = None, option: str) -> Path:
    """Where plan.json is.

    conductor.toml is at most asked for the place: nothing that runs is read from it, and it may be missing or broken.

    Args:
        start: where to begin, and what relative paths are relative to.
        named: a file, its folder, or the generated package.
        config: a conductor.toml, instead of the nearest one.
        option: how a person can say `named`, for messages.

    Raises:
        PlanError: there is none, or more than one.
    """
    if named is not None:
        return _named(start, named, option)
    file = start / config if config else _nearest_config(start)
    stated = None if file is None else _stated(file)
    if stated is not None:
        return stated
    below = file.parent if file is not None else start
    found = list(_search(below))
    if len(found) == 1:
        return found[0]
    if not found:
        raise PlanError(f"no {PLAN} below {below.resolve()}; run `pgconductor generate`, or name one with {option}")
    raise PlanError(f"more than one plan; name one with {option}: " + ", ".join(str(path) for path in found))


def _named(start: Path, plan: str, option: str) -> Path:
    path = start / plan
    if path.exists() or os.sep in plan or plan.endswith(".json"):
        return path / PLAN if path.is_dir() else path
    sys.path.insert(0, str(start))
    try:
        spec = importlib.util.find_spec(plan)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise PlanError(f"`{plan}`, named with {option}, is neither a file nor a package that can be imported")
    return Path(spec.submodule_search_locations[0], PLAN)


def _nearest_config(start: Path) -> Path | None:
    for folder in (start, *start.absolute().parents):
        if (folder / CONFIG).is_file():
            return folder / CONFIG
        if any((folder / mark).exists() for mark in REPOSITORY_MARKS):
            break
    return None


def _stated(config: Path) -> Path | None:
    """The plan's place by `[generate]`, if that can be read."""
    try:
        document: dict[str, Any] = tomllib.loads(config.read_text(encoding="utf-8-sig"))
        package, root = document["generate"]["package"], document["generate"].get("source_root")
        folder = config.parent / (root or ("src" if (config.parent / "src").is_dir() else "."))
        return folder.joinpath(*package.split("."), PLAN)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _search(below: Path) -> Iterator[Path]:
    base = len(below.parts)
    for folder, names, files in os.walk(below):
        here = Path(folder)
        if PLAN in files and _is_plan(here / PLAN):
            yield here / PLAN
        deep = len(here.parts) - base >= DEEPEST
        names[:] = [] if deep or "pyvenv.cfg" in files else sorted(filter(_may_hold_a_plan, names))


def _may_hold_a_plan(folder: str) -> bool:
    return not folder.startswith((".", "__")) and folder not in ("node_modules", "site-packages")


def _is_plan(path: Path) -> bool:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and {"format", "package", "queues", "tasks"} <= data.keys()
