"""A queue whose handlers run on a Dask cluster; needs the extra `dask`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.conftest import REPOSITORY, environment

pytest.importorskip("distributed", reason="pip install 'pgconductor[dask]'")


@pytest.mark.slow
def test_handlers_run_on_a_local_dask_cluster(tmp_path: Path) -> None:
    project = tmp_path / "dask"
    shutil.copytree(REPOSITORY / "examples" / "dask", project, ignore=shutil.ignore_patterns("__pycache__"))

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pgconductor", *arguments],
            cwd=project, env=environment(project), capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    command("generate")
    command("apply")
    for seed in range(4):
        command("invoke", "estimate_pi", json.dumps({"darts": 20_000, "seed": seed}))
    command("run", "--drain")
    listed = json.loads(command("executions", "list", "--json"))
    assert [execution["state"] for execution in listed] == ["completed"] * 4
    results = [json.loads(command("executions", "show", row["id"], "--json"))["result"]["pi"] for row in listed]
    assert all(3.0 < pi < 3.3 for pi in results)
