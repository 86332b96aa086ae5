"""`make demo`: index the standard library, from an empty database to the printed report.

    python -m examples.indexer [FOLDER]     # or the Python files of another folder

While it runs, kill a worker with -9 and start another with `pgconductor run`: every file is still counted, none twice.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from examples.conductor import Conductor
from examples.conductor.models import IndexFilePayload, ReportPayload, ReportResult

STDLIB = Path(sysconfig.get_path("stdlib"))


async def main(root: Path) -> None:
    files = source_files(root)
    async with Conductor.connect() as conductor:
        pgconductor("apply")
        started = time.perf_counter()
        executions = await conductor.index_file.many(files)
        enqueued = time.perf_counter() - started
        print(f"enqueued {len(executions):,} files in {enqueued * 1000:.0f} ms", file=sys.stderr)
        pgconductor("run", "--queue", "indexer", "--drain", "--log-level", "warning")
        execution = await conductor.report(ReportPayload(executions=[execution.id for execution in executions]))
        pgconductor("run", "--queue", "default", "--drain", "--log-level", "warning")
        report = await execution.result(timeout="10s")
        print_report(root, report, time.perf_counter() - started)


def source_files(root: Path) -> list[IndexFilePayload]:
    """Every Python file below a folder; what was installed into it is not part of it."""
    paths = sorted(path for path in root.rglob("*.py") if "site-packages" not in path.parts)
    return [
        IndexFilePayload(path=str(path), module=".".join(path.relative_to(root).with_suffix("").parts))
        for path in paths
    ]


def pgconductor(*arguments: str) -> None:
    """A command as one would type it. The embedded Postgres is shared with this process."""
    subprocess.run([sys.executable, "-m", "pgconductor", *arguments], check=True)


def print_report(root: Path, report: ReportResult, seconds: float) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    what = f"The standard library of Python {version}" if root == STDLIB else str(root)
    print(f"{what}, indexed in {seconds:.1f} s:")
    print(f"  {report.files:,} files ({report.invalid} of them broken on purpose), {report.lines:,} lines,")
    print(f"  {report.classes:,} classes, {report.functions:,} functions. The longest modules:")
    for module in report.longest:
        print(f"    {module.lines:>7,}  {module.name}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if sys.argv[1:] else STDLIB))
