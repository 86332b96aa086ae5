"""Where things stand in the files of a configuration that was read, for problems that are found later."""

from __future__ import annotations

from pathlib import Path

from pgconductor.config.diagnostic import Place
from pgconductor.config.files import Files
from pgconductor.config.model import Config
from pgconductor.config.node import At
from pgconductor.config.source import KeyPath, Source


class Places:
    """Finds keys.

    Args:
        config: as loaded.
        relative_to: the directory that file names are relative to; the working directory by default.
    """

    def __init__(self, config: Config, relative_to: Path | None = None) -> None:
        folder = config.path.parent
        files = Files(folder, relative_to or Path.cwd())
        names = [name for name in config.sources if not name.endswith(".json") and folder / name != config.path]
        paths = [config.path, *(folder / name for name in names)]
        self._sources = [Source.parse(files.name(path), files.read(path), path.parent) for path in paths]

    def find(self, path: KeyPath, at: At = "key") -> Place:
        """The place of a key or its value, an optional field under its name without the `?`. If it is absent, of the
        nearest table around it that has a name of its own; failing that, the root file.
        """
        source, found = max(
            ((source, _present(source, path)) for source in self._sources), key=lambda pair: len(pair[1])
        )
        position = source.find(found, at) if len(found) > 1 else None
        if position is None:
            return Place(self._sources[0].name)
        line = source.lines[position.line - 1]
        return Place.in_line(source.name, position.line, position.col, position.end, line)


def _present(source: Source, path: KeyPath) -> KeyPath:
    """As much of a path as the file has."""
    found: KeyPath = ()
    for part in path:
        step = next((name for name in (part, f"{part}?") if (*found, name) in source.spans), None)
        if step is None:
            break
        found = (*found, step)
    return found
