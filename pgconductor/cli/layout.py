"""Where a project keeps its package, found out from what is there: pyproject.toml first, then the folders."""

from __future__ import annotations

import keyword
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

# Packages beside the one that a project is about.
_ASIDE = ("tests", "test", "docs", "doc", "examples", "scripts", "tools", "benchmarks", "migrations", "build", "dist")
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """What a folder tells of its project.

    Attributes:
        name: of the project, as pyproject.toml has it.
        root: the folder that packages lie in, relative to the project: "src" or ".".
        package: the one that the project is about, if there is one and no other could be meant.
    """

    name: str | None
    root: str
    package: str | None


def read_layout(folder: Path) -> Layout:
    """The layout of a project, which need not be one yet. Nothing is imported."""
    pyproject = _pyproject(folder)
    name = _text(pyproject, "project", "name") or _text(pyproject, "tool", "poetry", "name")
    for stated in _stated(pyproject):
        path = PurePosixPath(stated)
        package, root = path.name, path.parent.as_posix()
        if root in ("src", ".") and _is_name(package) and (folder / path).is_dir():
            return Layout(name, root, package)
    called = re.sub(r"[-.]+", "_", name).lower() if name else None
    for root in ("src", "."):
        found = _packages(folder / root)
        if called in found:
            return Layout(name, root, called)
        if found:
            return Layout(name, root, found[0] if len(found) == 1 else None)
    return Layout(name, "src" if (folder / "src").is_dir() else ".", None)


def _packages(folder: Path) -> list[str]:
    """The packages in a folder, but for those beside the project's own."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        entry.name
        for entry in entries
        if (entry / "__init__.py").is_file() and _is_name(entry.name) and entry.name not in _ASIDE
    ]


def _is_name(package: str) -> bool:
    """Can a package of this name be imported by a statement, and name an application too?"""
    return _NAME.fullmatch(package) is not None and not keyword.iskeyword(package)


def _stated(pyproject: dict[str, Any]) -> Iterator[str]:
    """The package as build backends are told of it, as a path."""
    for packages in (
        _value(pyproject, "tool", "hatch", "build", "targets", "wheel", "packages"),
        _value(pyproject, "tool", "setuptools", "packages"),
        _value(pyproject, "tool", "poetry", "packages"),
    ):
        for package in packages if isinstance(packages, list) else ():
            if isinstance(package, str):
                where = None if "/" in package else _text(pyproject, "tool", "setuptools", "package-dir", "")
                yield f"{where}/{package}" if where else package
            elif isinstance(package, dict) and isinstance(package.get("include"), str):
                yield f"{package.get('from', '.')}/{package['include']}"
    if module := _text(pyproject, "tool", "uv", "build-backend", "module-name"):
        yield f"{_text(pyproject, 'tool', 'uv', 'build-backend', 'module-root') or 'src'}/{module}"
    if module := _text(pyproject, "tool", "flit", "module", "name"):
        yield module
        yield f"src/{module}"


def _pyproject(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _value(document: Any, *path: str) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _text(document: Any, *path: str) -> str | None:
    found = _value(document, *path)
    return found if isinstance(found, str) and found else None
