"""What the root file includes, and what all files declare together."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pgconductor.config import codes
from pgconductor.config.document import parse
from pgconductor.config.node import Bad, Node

INCLUDABLE = ("types", "events", "queues", "tasks")


def included(root: Node, own: Path) -> Iterator[Node]:
    """The documents that the root file at `own` includes, sorted by path. Those that cannot be read are reported."""
    conductor = root.get("conductor")
    entries = conductor.get("include") if conductor else None
    paths: set[Path] = set()
    for entry in entries.elements() if entries and isinstance(entries.value, list) else ():
        if isinstance(entry.value, str):
            paths.update(Path(os.path.normpath(path)) for path in _matches(entry))
    for path in sorted(paths - {own}, key=root.scope.files.relative):
        try:
            yield parse(path, root.scope)
        except Bad:
            root.scope.complete = False


def _matches(entry: Node) -> list[Path]:
    directory, pattern = entry.source.directory, entry.value
    if not pattern:  # reported by the reader of `include`
        return []
    if Path(pattern).is_absolute() or "\0" in pattern:
        help = "paths are relative to the root file"
        entry.report(codes.INCLUDE, f"`{pattern}` cannot be included", help)
        return []
    if not re.search(r"[*?\[]", pattern):
        path = directory / pattern
        if not path.is_file():
            entry.report(codes.INCLUDE, f"there is no file `{pattern}`", f"relative to `{entry.source.name}`")
            entry.scope.complete = False
            return []
        return [path]
    try:
        return [path for path in directory.glob(pattern) if path.is_file()]
    except (ValueError, NotImplementedError, OSError, re.error):
        entry.report(codes.INCLUDE, f"`{pattern}` is not a pattern", "`*` stands for a name, `**` for any directories")
        return []


def check_includable(document: Node) -> None:
    """Report what an included file must not hold."""
    for key, child in document.items():
        if key not in INCLUDABLE:
            help = "included files hold types, events, queues and tasks only"
            child.report(codes.NOT_INCLUDABLE, f"`{key}` does not belong in an included file", help, at="key")


def declared(documents: list[Node], section: str) -> dict[str, Node]:
    """The entries of a section of all files; what two of them declare is reported and read once."""
    found: dict[str, Node] = {}
    for document in documents:
        table = document.get(section)
        for name, node in table.items() if table else ():
            if name in found:
                what = f"{section.removesuffix('s')} `{name}`"
                related = (found[name], "first declared here")
                node.report(codes.DUPLICATE, f"{what} is declared twice", at="key", related=related)
            else:
                found[name] = node
    return found
