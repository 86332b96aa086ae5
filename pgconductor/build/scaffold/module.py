"""A module of the user's own, read without importing it, and added to without touching what is there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TypeAlias

from pgconductor.build.python.imports import import_statement

# Where a name was imported from: its module and its name there; None: it is defined here.
Origin: TypeAlias = "tuple[str, str] | None"


class Unparsable(Exception):
    """The file is not Python: the message says where."""


@dataclass
class Module:
    """One module.

    Attributes:
        name: dotted.
        text: as it is, whatever its line ends; empty for one that is yet to be.
        names: what its top level binds.
        open: it imports `*`, so that it may bind anything.
    """

    name: str
    text: str
    names: dict[str, Origin] = field(default_factory=dict)
    open: bool = False
    _imports: dict[str, list[str]] = field(default_factory=dict)
    _functions: list[str] = field(default_factory=list)
    _line: int = 0  # after which imports are put

    @classmethod
    def read(cls, name: str, text: str, *, is_package: bool) -> Module:
        """Read a module.

        Raises:
            Unparsable: it is not Python.
        """
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError) as error:
            where = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            raise Unparsable(f"{getattr(error, 'msg', error)}{where}") from None
        module = cls(name, text, _line=_after_imports(tree, text))
        package = name if is_package else name.rpartition(".")[0]
        for statement, at_run_time in _top_level(tree.body):
            module._bind(statement, package, at_run_time)
        return module

    def has(self, name: str) -> bool:
        """Whether the module binds a name, as far as can be told."""
        return self.open or name in self.names

    def use(self, module: str, name: str) -> str:
        """What an object is called here; an import is added if there is none yet."""
        if module == self.name:
            return name
        for local, origin in self.names.items():
            if origin == (module, name):
                return local
        local = name
        while local in self.names:
            local = f"{local}_"
        self.names[local] = (module, name)
        self._imports.setdefault(module, []).append(name if local == name else f"{name} as {local}")
        return local

    def add(self, name: str, source: str) -> None:
        """Add a function at the end."""
        self.names[name] = None
        self._functions.append(source)

    def write(self, doc: str) -> str:
        """The text with what was added; every byte that was there stays.

        Args:
            doc: of a module that is yet to be.
        """
        if not self._functions:
            return self.text
        imports = [import_statement(module, sorted(names)) for module, names in sorted(self._imports.items())]
        functions = "\n\n\n".join(self._functions) + "\n"
        if not self.text.strip():
            parts = [f'"""{doc}"""', "from __future__ import annotations", *_sections(imports)]
            return "\n\n".join(parts) + "\n\n\n" + functions
        end = "\r\n" if "\r\n" in self.text else "\n"
        lines = self.text.split("\n")  # what stands before a "\n" of Windows stays with its line
        lines[self._line : self._line] = [line + end[:-1] for line in self._spaced(imports, lines)]
        body = "\n".join(lines)
        gap = 3 - body[len(body.rstrip("\r\n")) :].count("\n")
        return body + ("\n" * gap + functions).replace("\n", end)

    def _spaced(self, imports: list[str], lines: list[str]) -> list[str]:
        """The imports with an empty line to what is no import before and after them."""
        if not imports:
            return []
        before = lines[self._line - 1].strip() if self._line else ""
        after = lines[self._line].strip() if self._line < len(lines) else ""
        gap = [""] if before and not before.startswith(("import ", "from ", ")")) else []
        return [*gap, *"\n".join(imports).split("\n"), *([""] if after else [])]

    def _bind(self, statement: ast.stmt, package: str, at_run_time: bool) -> None:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self.names[name] = None
            case ast.Import(names=aliases):
                for alias in aliases:
                    self.names[alias.asname or alias.name.partition(".")[0]] = (alias.name, "")
            case ast.ImportFrom(names=aliases):
                source = _absolute(statement, package)
                for alias in aliases:
                    self.open |= alias.name == "*"
                    self.names[alias.asname or alias.name] = (source, alias.name) if at_run_time else None
            case _:
                for node in ast.walk(statement):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        self.names[node.id] = None


def _top_level(body: list[ast.stmt], at_run_time: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements that bind names of the module, those under `if` and `try` included, and whether they ever run."""
    for statement in body:
        match statement:
            case ast.If(test=test, body=inner, orelse=other):
                yield from _top_level(inner, at_run_time and "TYPE_CHECKING" not in ast.dump(test))
                yield from _top_level(other, at_run_time)
            case ast.Try(body=inner, handlers=handlers, orelse=other, finalbody=last):
                caught = [each for handler in handlers for each in handler.body]
                yield from _top_level([*inner, *caught, *other, *last], at_run_time)
            case ast.With(body=inner):
                yield from _top_level(inner, at_run_time)
            case _:
                yield statement, at_run_time


def _after_imports(tree: ast.Module, text: str) -> int:
    """The line after which imports may be put: the last import of the top, or the docstring, or the first comments."""
    line = 0
    for index, statement in enumerate(tree.body):
        is_doc = index == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not is_doc and not isinstance(statement, ast.Import | ast.ImportFrom):
            break
        line = statement.end_lineno or line
    return line or sum(1 for _ in takewhile(lambda each: each.startswith("#"), text.split("\n")))


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    if not statement.level:
        return statement.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - statement.level + 1]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _sections(imports: list[str]) -> list[str]:
    """The standard library first, then what the project needs."""
    standard = [line for line in imports if line.split()[1].partition(".")[0] in ("collections", "typing")]
    rest = [line for line in imports if line not in standard]
    return ["\n".join(lines) for lines in (standard, rest) if lines]
