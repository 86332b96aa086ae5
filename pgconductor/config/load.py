"""From files to a `Config`, or to every problem there is in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pgconductor import __version__
from pgconductor.config import codes, names, tasks
from pgconductor.config.application import CONDUCTOR, DATABASE, DEV, FORMAT, GENERATE, resolve_database
from pgconductor.config.changes import moved, removed
from pgconductor.config.declarations import check_finite, event, is_enum, shared_type
from pgconductor.config.diagnostic import InvalidConfig
from pgconductor.config.document import parse
from pgconductor.config.environment import DEFAULTS, Base, environments
from pgconductor.config.files import Files
from pgconductor.config.includes import INCLUDABLE, check_includable, declared, included
from pgconductor.config.model import Config, Database, Dev, Event, Generate, Queue, Task
from pgconductor.config.node import Bad, Node
from pgconductor.config.queues import QUEUE
from pgconductor.config.scope import Names, Scope
from pgconductor.config.shape import Settings, Shape
from pgconductor.config.suggestion import did_you_mean, listed

T = TypeVar("T")

TABLES = ("conductor", "database", "generate", "defaults", *INCLUDABLE, "moved", "removed", "env", "dev")


def load(path: Path | str, *, version: str = __version__, relative_to: Path | None = None) -> Config:
    """Read and check a `conductor.toml` with everything it includes.

    Neither the environment, nor a clock, nor a database has a say in the result: same files, same Config.

    Args:
        path: the root file.
        version: of pgconductor, which `conductor.requires` is compared with.
        relative_to: the directory that file names in diagnostics are relative to; the working directory by default.

    Raises:
        InvalidConfig: with every problem found, in the order of their places.

    Example:
        >>> load("conductor.toml").tasks["send_email"].queue  # doctest: +SKIP
        'mails'
    """
    root = Path(os.path.abspath(path))
    scope = Scope(Files(root.parent, relative_to or Path.cwd()))
    config: Config | None = None
    with suppress(Bad):
        config = _Loader(root, scope, version).config()
    if scope.diagnostics or config is None:
        raise InvalidConfig(scope.in_order(scope.files.name(root)))
    return config


def declared_names(path: Path | str) -> tuple[Names, tuple[Path, ...]]:
    """What a `conductor.toml` and its includes declare, valid or not, for editors; and the files that it includes.

    Raises:
        InvalidConfig: the root file cannot be read or is not TOML.
    """
    root = Path(os.path.abspath(path))
    scope = Scope(Files(root.parent, Path.cwd()))
    try:
        loader = _Loader(root, scope, __version__)
    except Bad:
        raise InvalidConfig(scope.in_order(scope.files.name(root))) from None
    documents = [loader.root, *included(loader.root, root)]
    loader.note_names({section: declared(documents, section) for section in INCLUDABLE})
    return scope.names, tuple(document.source.directory / Path(document.source.name).name for document in documents[1:])


class _Loader:
    """One load. Everything is read before anything is concluded, so that no problem hides another."""

    def __init__(self, path: Path, scope: Scope, version: str) -> None:
        self.path = path
        self.scope = scope
        self.version = version
        self.root = parse(path, scope)

    def config(self) -> Config | None:
        """The configuration; None if it is not valid, and all that is wrong with it has been reported."""
        self.check_format()
        conductor = self.section("conductor", CONDUCTOR, required=True)
        self.check_requires(conductor)
        self.check_tables()
        values = {name: value for name, value in conductor.values.items() if name != "include"}
        values |= self.declarations(values.get("timezone", "UTC"))
        values["generate"] = self.generate()
        self.scope.run_checks()
        if self.scope.diagnostics:
            return None
        return Config(path=self.path, **values, sources=dict(sorted(self.scope.files.sources.items())))

    def declarations(self, timezone: str) -> dict[str, Any]:
        """All that refers to each other: types, events, queues, tasks, and what is written about them."""
        documents = [self.root, *self.includes()]
        nodes = {section: declared(documents, section) for section in INCLUDABLE}
        self.note_names(nodes)
        defaults = self.defaults()
        self.types(nodes["types"])
        events = self.events(nodes["events"])
        queues = {"default": Settings(), **self.entries(nodes["queues"], names.QUEUE, QUEUE)}
        written = self.entries(nodes["tasks"], names.TASK, tasks.TASK)
        built = self.tasks(nodes["tasks"], written, defaults["task"], timezone)
        database = self.section("database", DATABASE)
        base = Base(database=database, queues=queues, tasks=written, defaults=defaults, built=built)
        return {
            "database": Database(**resolve_database(database)),
            "dev": Dev(**self.section("dev", DEV).values),
            "queues": {name: Queue(name=name, **own.over(defaults["queue"]).values) for name, own in queues.items()},
            "types": self.scope.types,
            "events": events,
            "tasks": built,
            "moved": self.read("moved", lambda node: moved(node, built)) or (),
            "removed": self.read("removed", removed) or (),
            "environments": self.read("env", lambda node: environments(node, base)) or {},
        }

    def read(self, key: str, reader: Callable[[Node], T]) -> T | None:
        """What a reader makes of a table of the root file."""
        node = self.root.get(key)
        if node is not None:
            with suppress(Bad):
                return reader(node)
        return None

    def section(self, key: str, shape: Shape, *, required: bool = False) -> Settings:
        if required and self.root.get(key) is None:
            keys = [name for name, known in shape.keys.items() if known.required]
            self.root.report(codes.MISSING_KEY, f"the table [{key}] is missing", f"it must have {listed(keys)}")
        return self.read(key, shape.read) or Settings()

    def check_format(self) -> None:
        """A file of another format is not ours to judge any further."""
        conductor = self.root.get("conductor")
        node = conductor.get("format") if conductor else None
        if node is None or node.value == FORMAT:
            return
        newer = isinstance(node.value, int) and node.value > FORMAT
        help = "upgrade pgconductor" if newer else f"write `format = {FORMAT}`"
        raise node.report(codes.FORMAT, f"this version of pgconductor reads format {FORMAT}", help)

    def check_requires(self, conductor: Settings) -> None:
        """A file for another version may use what this one does not know: the version alone is reported."""
        node = conductor.nodes.get("requires")
        if node is None:
            return
        # 10 ms to import, and few configurations say this.
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            accepted = SpecifierSet(node.value).contains(self.version, prereleases=True)
        except InvalidSpecifier:
            node.report(codes.REQUIRES, f"`{node.value}` is not a range of versions", 'write for example ">=0.4,<2"')
            return
        if not accepted:
            self.scope.diagnostics.clear()
            message = f"this configuration requires pgconductor {node.value}, and this is {self.version}"
            raise node.report(codes.REQUIRES, message, f"pip install 'pgconductor{node.value}'")

    def check_tables(self) -> None:
        for key, child in self.root.items():
            if key not in TABLES:
                help = did_you_mean(key, TABLES, f"known tables: {listed(TABLES)}")
                child.report(codes.UNKNOWN_KEY, f"unknown table `{key}`", help, at="key")

    def includes(self) -> list[Node]:
        documents = list(included(self.root, self.path))
        for document in documents:
            check_includable(document)
        return documents

    def note_names(self, nodes: dict[str, dict[str, Node]]) -> None:
        known = self.scope.names
        known.types.update(nodes["types"])
        known.enums.update(name for name, node in nodes["types"].items() if is_enum(node.value))
        known.events.update(nodes["events"])
        known.queues.update(nodes["queues"])
        known.tasks.update(nodes["tasks"])

    def defaults(self) -> dict[str, Settings]:
        found = self.section("defaults", DEFAULTS).values
        return {name: found.get(name, Settings()) for name in ("task", "queue")}

    def types(self, nodes: dict[str, Node]) -> None:
        for name, node in nodes.items():
            with suppress(Bad):
                names.TYPE.check(name, node)
                self.scope.claims.claim(name, f"type `{name}`", node)
            with suppress(Bad):
                self.scope.types[name] = shared_type(node)
        check_finite(self.scope.types, nodes)

    def events(self, nodes: dict[str, Node]) -> dict[str, Event]:
        found: dict[str, Event] = {}
        for name, node in nodes.items():
            with suppress(Bad):
                names.EVENT.check(name, node)
                self.scope.claims.claim(names.event_model(name), f"event `{name}`", node)
            with suppress(Bad):
                found[name] = event(node)
        return found

    def entries(self, nodes: dict[str, Node], rule: names.Rule, shape: Shape) -> dict[str, Settings]:
        """What the tables of queues or tasks say themselves, without defaults."""
        found: dict[str, Settings] = {}
        for name, node in nodes.items():
            with suppress(Bad):
                rule.check(name, node)
            with suppress(Bad):
                found[name] = shape.read(node)
        return found

    def tasks(
        self, nodes: dict[str, Node], written: dict[str, Settings], defaults: Settings, timezone: str
    ) -> dict[str, Task]:
        built: dict[str, Task] = {}
        keys: dict[str, str] = {}
        for name, own in written.items():
            node = nodes[name]
            task = tasks.build(node, own, defaults, timezone)
            built[name] = task
            tasks.claim(node, task)
            first = keys.setdefault(task.key, name)
            if first != name:
                message = f"tasks `{first}` and `{name}` have the key `{task.key}`"
                at = node.get("key") or node
                at.report(codes.DUPLICATE_KEY, message, related=(nodes[first], f"task `{first}`"))
        return built

    def generate(self) -> Generate | None:
        written = self.section("generate", GENERATE, required=True)
        if "package" not in written.values:
            return None
        source_root = "src" if (self.path.parent / "src").is_dir() else "."
        return Generate(**{"source_root": source_root, **written.values})
