"""Modules of the project are what was saved last, whatever was compiled before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

IMPORT = """
import sys
from pathlib import Path
sys.path.insert(0, "{folder}")
if {fresh}:
    from pgconductor.dev.freshness import import_fresh
    import_fresh([Path("{folder}")])
import module
print(module.VALUE)
"""


def imported(folder: Path, fresh: bool) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    code = IMPORT.format(folder=folder, fresh=fresh)
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout


def test_a_second_save_of_the_same_size_within_a_second_is_imported(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("VALUE = 1\n")
    os.utime(module, (1_000_000_000, 1_000_000_000))
    assert imported(tmp_path, fresh=False) == "1\n"
    module.write_text("VALUE = 2\n")
    os.utime(module, (1_000_000_000, 1_000_000_000))
    assert imported(tmp_path, fresh=False) == "1\n", "Python itself takes the compiled module for current"
    assert imported(tmp_path, fresh=True) == "2\n"
