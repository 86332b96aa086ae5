"""The files that dev follows, and what is in them.

An event only says where to look: what counts is the content. Touching a file, writing it anew as it was, or switching
branches there and back changes nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["code", "config"]

_PRUNED = frozenset({"__pycache__", "node_modules", "site-packages"})
_MAGIC = "*?["


@dataclass(frozen=True)
class Territory:
    """Where to look, and for what.

    Attributes:
        folder: of conductor.toml. TOML and JSON below it may be part of the configuration.
        code: folders whose Python modules workers may import.
        sources: what the configuration was read from, wherever it lies.
        watch: `[dev] watch`: more folders of modules, more files, or patterns of files.
        ignore: `[dev] ignore`: names anywhere, or paths relative to the folder; both may be patterns.
    """

    folder: Path
    code: tuple[Path, ...] = ()
    sources: frozenset[Path] = frozenset()
    watch: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def files(self) -> Iterator[tuple[Path, Kind]]:
        """Every file that counts."""
        for path in self.sources:
            yield path, "config"
        for folder, names in self._walk(self._roots()):
            for name in names:
                path = folder / name
                if path not in self.sources and (kind := self._kind(path)):
                    yield path, kind
        for path in self._single_files():
            yield path, "code"

    def folders(self) -> frozenset[Path]:
        """Every folder in which such a file lies or may appear."""
        walked = {folder for folder, _ in self._walk(self._roots())}
        single = {path.parent for path in (*self.sources, *self._single_files())}
        return frozenset(folder for folder in walked | single if folder.is_dir())

    def concerns(self, path: Path) -> bool:
        """Whether an event there may mean anything. What has no suffix may be a folder."""
        return not path.suffix or path in self.sources or self._kind(path) is not None

    def _kind(self, path: Path) -> Kind | None:
        if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in self._code_folders()):
            return "code"
        if any(fnmatchcase(str(path), pattern) for pattern in self._patterns()):
            return "code"
        if path.suffix in (".toml", ".json") and path.is_relative_to(self.folder):
            return "config"
        return None

    def _watched(self) -> list[Path]:
        return [Path(os.path.normpath(self.folder / entry)) for entry in self.watch]

    def _patterns(self) -> list[str]:
        return [str(path) for path in self._watched() if _is_pattern(path)]

    def _single_files(self) -> list[Path]:
        return [path for path in self._watched() if not _is_pattern(path) and path.is_file()]

    def _code_folders(self) -> list[Path]:
        return [*self.code, *(path for path in self._watched() if not _is_pattern(path) and path.is_dir())]

    def _roots(self) -> list[Path]:
        patterns = [_fixed_part(path) for path in self._watched() if _is_pattern(path)]
        return [self.folder, *self._code_folders(), *patterns]

    def _walk(self, roots: Collection[Path]) -> Iterator[tuple[Path, list[str]]]:
        seen: set[str] = set()
        for root in roots:
            for place, folders, names in os.walk(root):
                if place in seen or "pyvenv.cfg" in names:
                    folders.clear()
                    continue
                seen.add(place)
                here = Path(place)
                folders[:] = [name for name in folders if self._is_entered(here / name)]
                yield here, [name for name in names if not self._is_ignored(here / name)]

    def _is_entered(self, folder: Path) -> bool:
        name = folder.name
        return not name.startswith(".") and name not in _PRUNED and not self._is_ignored(folder)

    def _is_ignored(self, path: Path) -> bool:
        if not self.ignore:
            return False
        relative = os.path.relpath(path, self.folder)
        for pattern in self.ignore:
            wanted = pattern.rstrip("/").removeprefix("./")
            if fnmatchcase(relative if "/" in wanted else path.name, wanted):
                return True
        return False


@dataclass
class Sources:
    """The content of all files of a territory, as of the last look.

    Attributes:
        digests: by path.
        kinds: likewise.
    """

    territory: Territory
    digests: dict[Path, str] = field(default_factory=dict)
    kinds: dict[Path, Kind] = field(default_factory=dict)
    _stamps: dict[Path, tuple[int, int, int]] = field(default_factory=dict)

    def look(self, suspects: Collection[Path] = ()) -> dict[Path, Kind]:
        """Look at everything again.

        Args:
            suspects: files to be read even if neither their size nor their time has changed.

        Returns:
            What has come, gone or changed since the last look.
        """
        before, kinds_before = self.digests, self.kinds
        self.digests, self.kinds = {}, {}
        for path, kind in self.territory.files():
            if path not in self.kinds and (digest := self._digest(path, path in suspects, before.get(path))):
                self.digests[path], self.kinds[path] = digest, kind
        different = {path for path in before.keys() | self.digests.keys() if before.get(path) != self.digests.get(path)}
        return {path: self.kinds.get(path) or kinds_before[path] for path in different}

    def code(self) -> str:
        """A digest over all modules."""
        modules = sorted(f"{path}\0{self.digests[path]}" for path, kind in self.kinds.items() if kind == "code")
        return hashlib.sha256("\0".join(modules).encode("utf-8", "surrogateescape")).hexdigest()

    def _digest(self, path: Path, suspect: bool, known: str | None) -> str | None:
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if known is not None and not suspect and self._stamps.get(path) == stamp:
                return known
            self._stamps[path] = stamp
            if path.suffix == ".json" and path not in self.territory.sources:
                return str(stamp)  # it may be any data, of any size; that the configuration is read again is no harm
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            return None  # gone, or no file that can be read


def _is_pattern(path: Path) -> bool:
    return any(character in str(path) for character in _MAGIC)


def _fixed_part(pattern: Path) -> Path:
    """The folder that everything which a pattern matches lies in."""
    while _is_pattern(pattern):
        pattern = pattern.parent
    return pattern
