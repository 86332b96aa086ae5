"""`pgconductor generate`: from conductor.toml to files that are as they should be."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pgconductor.build import write
from pgconductor.build.compile import compile_plan
from pgconductor.build.editorschema import is_asked_for, write_schemas
from pgconductor.build.render import plan_path, render
from pgconductor.build.write import Change
from pgconductor.config.load import load
from pgconductor.config.model import Config
from pgconductor.plan.model import Plan


@dataclass(frozen=True, slots=True)
class Outcome:
    """What generate did or would do.

    Attributes:
        config: what was read.
        root: the folder of conductor.toml, which all paths are relative to.
        plan: what the configuration means.
        files: the text of every generated file by its path, changed or not.
        changes: the files that differ on disk, by path.
    """

    config: Config
    root: Path
    plan: Plan
    files: Mapping[str, str]
    changes: tuple[Change, ...]

    @property
    def diff(self) -> str:
        """The changes as one unified diff; empty if nothing differs."""
        return write.diff(self.changes)


def compare(config: Path | str) -> Outcome:
    """What `generate` would do. Reads files, and writes none: `--check` and `--diff`.

    Raises:
        InvalidConfig: the configuration cannot be used: every problem at once.
        OutputError: a generated path leads out of the project, or is occupied by something that is no text file.
    """
    loaded = load(config)
    plan = compile_plan(loaded)
    root = loaded.path.parent
    files = render(plan, loaded)
    return Outcome(loaded, root, plan, files, write.compare(root, files, plan_path(loaded)))


def generate(config: Path | str) -> Outcome:
    """Write every generated file that is not as it should be, and delete those that are no longer generated.

    Example:
        >>> generate("conductor.toml").changes  # doctest: +SKIP
        (Change(path='src/shop/conductor/models.py', ...), ...)

    Raises:
        InvalidConfig: the configuration cannot be used: every problem at once.
        OutputError: files were edited by hand, are not ours, or would lie outside the project; nothing was written.
    """
    outcome = compare(config)
    write.write(outcome.root, outcome.changes)
    with suppress(OSError):  # a help to editors must not stand in the way of what runs
        if is_asked_for(config):
            write_schemas(config)
    return outcome
