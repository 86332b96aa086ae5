"""Same files in, same bytes out: whatever the machine, the clock, the environment or the hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.command import environment, pgconductor

SCRIPT = """
import hashlib, sys
from pgconductor.build.compile import compile_plan
from pgconductor.build.render import render
from pgconductor.config import load
config = load(sys.argv[1])
for path, text in render(compile_plan(config), config).items():
    print(path, hashlib.sha256(text.encode()).hexdigest())
"""

SURROUNDINGS: list[dict[str, str]] = [
    {"PYTHONHASHSEED": "1"},
    {"PYTHONHASHSEED": "2", "TZ": "Pacific/Auckland", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "HOME": "/nonexistent", "USER": "somebody"},
    {"DATABASE_URL": "postgresql://elsewhere/db", "PROD_URL": "x", "PGCONDUCTOR_ENV": "prod", "PYTHONOPTIMIZE": "2"},
]


def digests(config: Path, cwd: Path, extra: Mapping[str, str]) -> str:
    command = [sys.executable, "-W", "error", "-c", SCRIPT, str(config)]
    return subprocess.check_output(command, cwd=cwd, env=environment(extra), text=True)


def test_neither_seed_nor_zone_nor_locale_nor_folder_nor_environment_matters(shop: Path, tmp_path: Path) -> None:
    expected = digests(shop, shop.parent, {"PYTHONHASHSEED": "0"})
    assert len(expected.splitlines()) == 12
    for extra in SURROUNDINGS:
        assert digests(shop, shop.parent, extra) == expected
    assert digests(shop, Path("/"), {}) == expected
    moved = tmp_path / "elsewhere ünder another näme"
    shop.parent.rename(moved)
    assert digests(Path(moved.name) / shop.name, tmp_path, {}) == expected


@pytest.mark.slow
def test_three_hundred_tasks_take_less_than_two_seconds_with_the_start_of_the_process(tmp_path: Path) -> None:
    tasks = "".join(
        f"""
[tasks.task_{number}]
description = "Task number {number}."
handler = "shop.handlers:task_{number}"
queue = "queue_{number % 10}"
{"concurrency = 3" if number % 7 == 0 else ""}
payload = {{ id = "uuid", name = "str(max_length=20)", amount = "decimal(ge=0)", "note?" = "str" }}
returns = {{ ok = "bool", at = "datetime" }}
triggers.daily = {{ cron = "0 9 * * *" }}
invocable = true
"""
        for number in range(300)
    )
    queues = "".join(f"[queues.queue_{number}]\n" for number in range(10))
    head = '[conductor]\nformat = 1\nname = "shop"\n[generate]\npackage = "shop.conductor"\n'
    (tmp_path / "conductor.toml").write_text(head + queues + tasks)

    def took(*words: str) -> float:
        """Seconds of one core: what a clock shows where nobody else is at work."""
        before = os.times()
        pgconductor("generate", *words, cwd=tmp_path)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert took() < 2
    assert took("--check") < 2
