"""`completion`: what shells are given works in them, and waits for no database driver."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pgconductor.cli.verbs import VERBS
from tests.command import environment, pgconductor

SHELLS = ("bash", "zsh", "fish")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(shell: str, tmp_path: Path) -> None:
    done = pgconductor("completion", shell, cwd=tmp_path)
    assert "_PGCONDUCTOR_COMPLETE" in done.stdout
    assert done.stderr == ""
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=done.stdout, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_another_shell_is_a_usage_error(tmp_path: Path) -> None:
    assert "is not one of" in pgconductor("completion", "tcsh", cwd=tmp_path, code=2).stderr


def completed(tmp_path: Path, *words: str) -> list[str]:
    """What bash would be told for the last of the words."""
    asked = {"_PGCONDUCTOR_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = pgconductor(cwd=tmp_path, env=asked)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_verbs_subcommands_and_options_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "pgconductor", "'' ") == list(VERBS)
    assert completed(tmp_path, "pgconductor", "que") == ["queues"]
    assert set(completed(tmp_path, "pgconductor", "queues", "p")) == {"pause", "purge"}
    assert "--json" in completed(tmp_path, "pgconductor", "status", "--")
    assert completed(tmp_path, "pgconductor", "completion", "f") == ["fish"]


def test_verbs_are_completed_without_importing_one(tmp_path: Path) -> None:
    script = (
        "import sys, atexit; atexit.register(lambda: print(sorted(sys.modules), file=sys.stderr));"
        "from pgconductor.cli.main import run; run([])"
    )
    asked = {"_PGCONDUCTOR_COMPLETE": "bash_complete", "COMP_WORDS": "pgconductor s", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(asked), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "plain,status" in done.stdout
    assert "'psycopg'" not in done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_the_installed_command(tmp_path: Path) -> None:
    script = pgconductor("completion", "bash", cwd=tmp_path).stdout
    asked = (
        f"{script}\nCOMP_WORDS=(pgconductor exec) COMP_CWORD=1 COMPREPLY=()\n"
        "_pgconductor_completion pgconductor exec pgconductor; echo ${COMPREPLY[@]}"
    )
    env = environment({"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})
    done = subprocess.run(["bash", "-c", asked], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["executions"], done.stderr
