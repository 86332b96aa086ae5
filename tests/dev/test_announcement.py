"""What a session says of a save that it serves."""

from __future__ import annotations

from pathlib import Path

from pgconductor.dev.announcement import announcement
from pgconductor.dev.project import build


def test_files_of_one_name_are_named_once(tmp_path: Path) -> None:
    (tmp_path / "conductor.toml").write_text(
        '[conductor]\nformat = 1\nname = "s"\n[generate]\npackage = "s.conductor"\n'
    )
    files = [Path(folder, "__init__.py") for folder in "abcd"] + [Path("a", "mail.py")]
    assert ": __init__.py, mail.py changed" in announcement(2, build(tmp_path / "conductor.toml", None), files, 0.0)
