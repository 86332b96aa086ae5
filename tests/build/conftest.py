"""Projects to generate for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pgconductor.config import Config, load

# Snapshots keep the names of the files that they are of, which may look like tests.
collect_ignore_glob = ["__snapshots__/*", "shop/*"]

SHOP = Path(__file__).parent / "shop"

HEAD = """\
[conductor]
format = 1
name = "test"

[generate]
package = "made.conductor"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the shop, which has one of everything, not yet generated: the path of its conductor.toml."""
    shutil.copytree(SHOP, tmp_path / "shop")
    return tmp_path / "shop" / "conductor.toml"


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Config]:
    """Load what comes below the smallest valid head."""

    def configured(text: str) -> Config:
        path = tmp_path / "conductor.toml"
        path.write_text(HEAD + text, encoding="utf-8")
        return load(path)

    return configured
