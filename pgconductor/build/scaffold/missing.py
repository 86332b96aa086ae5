"""Which handlers do not exist yet, and what the files will be once they do. Nothing is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pgconductor.build.scaffold import skeleton
from pgconductor.build.scaffold.module import Module, Unparsable
from pgconductor.build.write import Change
from pgconductor.config.model import Config, Task
from pgconductor.errors import OutputError

_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What is to be written.

    Attributes:
        changes: to the files, by path relative to conductor.toml.
        functions: what each change adds, by path.
        elsewhere: handlers that do not exist in the project, whose packages lie outside of it.
    """

    changes: tuple[Change, ...]
    functions: dict[str, tuple[str, ...]]
    elsewhere: tuple[str, ...]


def scaffold(config: Config) -> Scaffold:
    """Skeletons of every handler and `upgrade` that the project lacks. Nothing is written.

    Raises:
        OutputError: a module cannot be read, or is not Python (GEN106): all of them.
    """
    return _Scaffolder(config).run()


@dataclass(slots=True)
class _File:
    path: Path
    before: str | None
    module: Module
    functions: list[str]


class _Scaffolder:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.folder = config.path.parent
        self.root = self.folder / config.generate.source_root
        self.files: dict[str, _File | None] = {}
        self.problems: list[str] = []
        self.elsewhere: list[str] = []

    def run(self) -> Scaffold:
        for reference, write in self.wanted():
            self.add(reference, write)
        if self.problems:
            raise OutputError("\n".join(self.problems))
        changed = [file for file in self.files.values() if file and file.functions]
        functions = {self.relative(file.path): tuple(file.functions) for file in changed}
        changes = [change for file in changed for change in self.changes(file)]
        return Scaffold(tuple(changes), functions, tuple(dict.fromkeys(self.elsewhere)))

    def wanted(self) -> Iterator[tuple[str, Callable[[str, Module], str]]]:
        """Every function that the configuration names, in the order of the file."""
        for task in self.config.tasks.values():
            if task.handler is not None:
                yield task.handler, self.handler(task)
            if task.upgrade is not None:
                yield task.upgrade, self.upgrade(task)

    def handler(self, task: Task) -> Callable[[str, Module], str]:
        return lambda name, module: skeleton.handler(task, name, module, self.config)

    def upgrade(self, task: Task) -> Callable[[str, Module], str]:
        return lambda name, module: skeleton.upgrade(task, name, module)

    def add(self, reference: str, write: Callable[[str, Module], str]) -> None:
        name, _, function = reference.partition(":")
        if name not in self.files:
            self.files[name] = self.open(name)
        file = self.files[name]
        if file is None:
            self.elsewhere.append(reference)
        elif not file.module.has(function):
            file.functions.append(function)
            # Before its own imports are: a function is not to be imported under its own name.
            file.module.names[function] = None
            file.module.add(function, write(function, file.module))

    def open(self, name: str) -> _File | None:
        """The file of a module; None if it is not one of the project's."""
        path = self.root.joinpath(*name.split("."))
        package = path / "__init__.py"
        is_package = path.is_dir() and package.is_file()
        path = package if is_package else path.with_name(f"{path.name}.py")
        if not path.is_file() and self.is_foreign(name):
            return None
        try:
            with path.open(encoding="utf-8", newline="") as file:
                before = file.read()
        except FileNotFoundError:
            return _File(path, None, Module(name, ""), [])
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            return self.refuse(path, name, reason or "unknown reason")
        try:
            return _File(path, before, Module.read(name, before.removeprefix(_MARK), is_package=is_package), [])
        except Unparsable as error:
            return self.refuse(path, name, str(error))

    def refuse(self, path: Path, name: str, reason: str) -> _File:
        said = (
            f"error[GEN106]: {self.relative(path)} cannot be read ({reason}); mend it first: handlers are to go there"
        )
        self.problems.append(said)
        return _File(path, None, Module(name, "", open=True), [])

    def is_foreign(self, name: str) -> bool:
        """Whether a module that the project does not have belongs to somebody else, or to the generated code."""
        top = name.partition(".")[0]
        if f"{name}.".startswith(f"{self.config.generate.package}."):
            return True
        if (self.root / top).exists() or (self.root / f"{top}.py").exists():
            return False
        return find_spec(top) is not None

    def changes(self, file: _File) -> Iterator[Change]:
        """The file itself, and an `__init__.py` in each folder that is made for it."""
        for parent in reversed(file.path.parents):
            if parent.is_relative_to(self.root) and parent != self.root and not parent.exists():
                yield Change(self.relative(parent / "__init__.py"), None, "")
        mark = _MARK if file.before and file.before.startswith(_MARK) else ""
        doc = f"Handlers of {self.config.name}." if self.config.name.isprintable() else "Handlers."
        yield Change(self.relative(file.path), file.before, mark + file.module.write(doc))

    def relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
