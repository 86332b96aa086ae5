"""Where a plan lies in its project."""

from __future__ import annotations

from pathlib import Path

from pgconductor.plan.model import Plan


def project_folder(plan: Plan, path: Path) -> Path:
    """The folder of conductor.toml, from where generate put plan.json: `<project>/<source_root>/<package>/plan.json`.

    >>> plan = Plan.model_construct(source_root="src", package="shop.conductor")
    >>> project_folder(plan, Path("/project/src/shop/conductor/plan.json")).name
    'project'
    """
    folder = path.resolve().parent
    for _ in (*Path(plan.source_root).parts, *plan.package.split(".")):
        folder = folder.parent
    return folder
