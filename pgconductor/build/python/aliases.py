"""Type aliases: `X: TypeAlias = ...`, or `type X = ...` where every Python that the code must run on has it."""

from __future__ import annotations

from pgconductor.build.python.imports import Imports
from pgconductor.build.python.layout import Source, statement
from pgconductor.build.python.text import string


class Aliases:
    """How one file writes them.

    Args:
        python: the oldest version that the file must run on, as in `[generate]`.
    """

    def __init__(self, python: str, imports: Imports) -> None:
        # PEP 695: since 3.12, and what such a statement names is looked up when somebody asks, not when it runs.
        self._is_statement = int(python.partition(".")[2]) >= 12
        self._imports = imports

    def write(self, name: str, *value: Source) -> str:
        """One alias, as a statement."""
        if self._is_statement:
            return statement(f"type {name} = ", *value)
        return statement(f"{name}: {self._imports.name('typing', 'TypeAlias')} = ", *value)

    def unevaluated(self, name: str) -> str:
        """Within an alias: a name, or an expression of names, that only type checkers know."""
        return name if self._is_statement else string(name)
