"""The project on every save: read, compiled, written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pgconductor.build import generate
from pgconductor.config.model import Config, Dev
from pgconductor.plan.model import Plan


@dataclass(frozen=True)
class Built:
    """A valid configuration and what follows from it.

    Attributes:
        plan: with the environment's overrides applied.
        dev: likewise.
        folder: of conductor.toml.
        generated: the text of every generated file, by its path relative to the folder.
        rewritten: the paths of those that were not so on disk.
    """

    config: Config
    plan: Plan
    dev: Dev
    folder: Path
    generated: Mapping[str, str]
    rewritten: tuple[str, ...]

    @property
    def code_folder(self) -> Path:
        """Where the project's modules are imported from."""
        return self.folder / self.config.generate.source_root

    @property
    def served(self) -> list[str]:
        """The queues that have a task with a handler."""
        return sorted({task.queue for task in self.plan.tasks.values() if task.handler})

    @property
    def grace(self) -> float:
        """Seconds for what runs to end."""
        return self.dev.grace_ms / 1000

    @property
    def sources(self) -> frozenset[Path]:
        """The files that the configuration was read from."""
        return frozenset(Path(os.path.normpath(self.folder / name)) for name in self.config.sources)

    @property
    def generated_code(self) -> dict[str, str]:
        """The modules that were generated: what workers import of it."""
        return {path: text for path, text in self.generated.items() if path.endswith(".py")}

    def is_generated(self, path: Path) -> bool:
        """Whether a file is one of those that were generated, as it is now or not."""
        return self._generated(path) is not None

    def is_as_generated(self, path: Path) -> bool:
        """Whether a file is what was generated, untouched."""
        text = self._generated(path)
        try:
            return text is not None and path.read_bytes().decode("utf-8", "replace") == text
        except OSError:
            return False

    def _generated(self, path: Path) -> str | None:
        return (
            self.generated.get(path.relative_to(self.folder).as_posix()) if path.is_relative_to(self.folder) else None
        )


def build(config: Path, env: str | None) -> Built:
    """Compile conductor.toml and write what generate writes.

    Raises:
        InvalidConfig: every problem; nothing was written.
        OutputError: a generated file was edited by hand, or cannot be written.
        PlanError: there is no such environment.
    """
    outcome = generate(config)
    plan = outcome.plan.for_environment(env)
    rewritten = tuple(change.path for change in outcome.changes)
    dev = dev_settings(outcome.config, env)
    return Built(outcome.config, plan, dev, outcome.root, outcome.files, rewritten)


def dev_settings(config: Config, env: str | None) -> Dev:
    """`[dev]` with what `[env.<name>.dev]` changes."""
    changes = config.environments[env].dev if env in config.environments else {}
    return Dev.model_validate({**config.dev.model_dump(), **changes})
