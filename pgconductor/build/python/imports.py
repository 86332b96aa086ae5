"""The imports of one generated file, under names that nothing else in it has."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pgconductor.build.python.layout import WIDTH, Group, statement

# What generated files use of the standard library; another version's list of it must not move an import.
_STANDARD = frozenset({"builtins", "collections", "datetime", "decimal", "functools", "pathlib", "typing", "uuid"})


class Imports:
    """Collects what a file needs as its views are made.

    Args:
        taken: names that the file itself defines; an import of the same name gets an underscore.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._names: dict[tuple[str, str], str] = {}
        self._typing: dict[tuple[str, str], str] = {}

    def name(self, module: str, attribute: str) -> str:
        """What `attribute` of `module` is called in the file."""
        return self._claim(self._names, module, attribute)

    def typing(self, module: str, attribute: str) -> str:
        """The same for what only annotations need: imported under TYPE_CHECKING."""
        return self._names.get((module, attribute)) or self._claim(self._typing, module, attribute)

    def builtin(self, name: str) -> str:
        """A builtin: imported only where its name is hidden."""
        return self.name("builtins", name) if name in self._taken else name

    def write(self) -> str:
        """The import statements, by section and name, without a line break at the end."""
        if self._typing:
            self.name("typing", "TYPE_CHECKING")
        sections = _sections(self._names)
        if self._typing:
            lines = _sections(self._typing, indent=4)
            sections.append("if TYPE_CHECKING:\n    " + "\n\n    ".join(lines))
        return "\n\n".join(sections)

    def _claim(self, claimed: dict[tuple[str, str], str], module: str, attribute: str) -> str:
        name = claimed.get((module, attribute))
        if name is None:
            name = attribute
            while name in self._taken:
                name = f"_{name}"
            self._taken.add(name)
            claimed[module, attribute] = name
        return name


def _sections(names: dict[tuple[str, str], str], indent: int = 0) -> list[str]:
    """Standard library, then pgconductor, then the user's own, then the generated package."""
    found: list[list[str]] = [[], [], [], []]
    modules = sorted({module for module, _ in names}, key=lambda module: module.lower())
    for module in modules:
        members = {attribute: name for (owner, attribute), name in names.items() if owner == module}
        found[_section(module)] += _statements(module, members, indent)
    return [("\n" + " " * indent).join(lines) for lines in found if lines]


def _section(module: str) -> int:
    if module.startswith("."):
        return 3
    top = module.partition(".")[0]
    return 0 if top in _STANDARD else 1 if top in ("pgconductor", "typing_extensions") else 2


def _statements(module: str, members: dict[str, str], indent: int) -> list[str]:
    """One statement for the plain names and one for each renamed, as isort has it."""
    plain = sorted((attribute for attribute, name in members.items() if name == attribute), key=_order)
    lines = [import_statement(module, plain, indent)] if plain else []
    renamed = sorted((attribute, name) for attribute, name in members.items() if name != attribute)
    return lines + [import_statement(module, [f"{attribute} as {name}"], indent) for attribute, name in renamed]


def import_statement(module: str, names: list[str], indent: int = 0) -> str:
    """`from module import names`, over several lines if it is long."""
    line = f"from {module} import {', '.join(names)}"
    if indent + len(line) <= WIDTH:
        return line
    return statement(Group(f"from {module} import (", tuple(names), ")"), indent=indent)


def _order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if re.match("[A-Z]", name) else 2
    return kind, name
