"""Loading configurations that a test writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgconductor.config import Config, Diagnostic, InvalidConfig, load
from tests.config.cases import HEAD

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a conductor.toml, with other files beside it, and get its path."""

    def write(text: str | bytes, files: dict[str, str | bytes] | None = None) -> Path:
        for name, content in {"conductor.toml": text, **(files or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / "conductor.toml"

    return write


@pytest.fixture
def valid(write: Write, tmp_path: Path) -> Callable[..., Config]:
    """Load what comes below the smallest valid head."""

    def valid(text: str, **more: Any) -> Config:
        return load(write(HEAD + text, **more), relative_to=tmp_path)

    return valid


@pytest.fixture
def problems(write: Write, tmp_path: Path) -> Callable[..., tuple[Diagnostic, ...]]:
    """Every problem of a whole file."""

    def problems(text: str | bytes, **more: Any) -> tuple[Diagnostic, ...]:
        with pytest.raises(InvalidConfig) as caught:
            load(write(text, **more), relative_to=tmp_path)
        return caught.value.diagnostics

    return problems
