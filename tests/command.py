"""The command line as a person has it: a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

COMMAND = (sys.executable, "-W", "error", "-m", "pgconductor")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would lead the command elsewhere or colour what it says."""
    # Without bytecode every command would compile all that it imports.
    unwanted = ("PGCONDUCTOR_", "PYTEST_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "COLUMNS": "100", **(extra or {})}


def pgconductor(
    *words: str | Path, cwd: Path, env: Mapping[str, str] | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; it must exit with `code`."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, f"exit code {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
    return done
