"""What a number of jobs cost: wall time, client CPU, server CPU and WAL, each per job.

    server = Server.of(connection)
    with measure(server, "drain", jobs=100_000, pids=[worker.pid]) as meter:
        ...
    print(table([meter.result.row()], headers=HEADERS))

CPU times are the kernel's, from /proc: the server's are those of the postmaster, of its living children and of those it
has reaped. They count in ticks of 10 ms, so give a measurement a second of work or more.
"""

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import psycopg

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1
HEADERS = ("what", "jobs", "jobs/s", "client us/job", "server us/job", "WAL B/job")
SETTINGS = ("shared_buffers", "max_wal_size", "fsync", "synchronous_commit", "full_page_writes", "wal_compression")


@dataclass(frozen=True)
class Measurement:
    """What `jobs` jobs took altogether; the properties say it per job.

    Attributes:
        seconds: wall time.
        client_cpu: CPU seconds of the client's processes.
        server_cpu: CPU seconds of the whole server, None where it does not run on this machine.
        wal_bytes: write-ahead log written meanwhile, by anyone.
        others: CPU seconds of everybody else on the machine, us who measure included; None where that is unknown. Two
            CPUs are often two threads of one core: beside others the same job costs more, and waits as well.
    """

    label: str
    jobs: int
    seconds: float
    client_cpu: float
    server_cpu: float | None
    wal_bytes: int
    others: float | None = None

    @property
    def others_share(self) -> float:
        """What others took of the machine, from 0 to 1."""
        return 0.0 if self.others is None else self.others / (self.seconds * CORES)

    @property
    def rate(self) -> float:
        """Jobs per second."""
        return self.jobs / self.seconds

    @property
    def client_us(self) -> float:
        """Client CPU per job, in microseconds."""
        return self.client_cpu / self.jobs * 1e6

    @property
    def server_us(self) -> float | None:
        """Server CPU per job, in microseconds."""
        return None if self.server_cpu is None else self.server_cpu / self.jobs * 1e6

    @property
    def wal_per_job(self) -> float:
        """Bytes of write-ahead log per job."""
        return self.wal_bytes / self.jobs

    def row(self) -> tuple[str, ...]:
        """The cells below HEADERS."""
        return (
            self.label,
            number(self.jobs),
            number(self.rate),
            number(self.client_us, 1),
            number(self.server_us, 1),
            number(self.wal_per_job),
        )

    def as_json(self) -> dict[str, Any]:
        """The totals, and the figures that the table shows, for `write_json`."""
        server_us = None if self.server_us is None else round(self.server_us, 2)
        figures = {"rate": round(self.rate, 1), "client_us": round(self.client_us, 2), "server_us": server_us}
        shares = {"wal_per_job": round(self.wal_per_job, 1), "others_share": round(self.others_share, 3)}
        return {**asdict(self), **figures, **shares}


class Meter:
    """What `measure` yields: `result` is there once its block has ended."""

    result: Measurement


@dataclass(frozen=True)
class Server:
    """The server as the measurement sees it.

    Attributes:
        connection: one of our own, in autocommit, used before and after what is measured and never during.
        postmaster: its process on this machine, None where the server runs elsewhere.
    """

    connection: psycopg.Connection[Any]
    postmaster: int | None

    @classmethod
    def of(cls, connection: psycopg.Connection[Any]) -> Self:
        """Find the server's processes: the postmaster is the parent of the backend that serves us."""
        stat = read_stat(connection.info.backend_pid)
        return cls(connection, stat.parent if stat is not None and stat.name.startswith("postgres") else None)

    def cpu(self) -> float | None:
        return None if self.postmaster is None else cpu_seconds(self.postmaster)

    def wal(self) -> int:
        row = self.connection.execute("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def measure(server: Server, label: str, *, jobs: int, pids: Sequence[int] = ()) -> Iterator[Meter]:
    """Measure the block that does `jobs` jobs.

    Args:
        server: whose CPU and WAL to count.
        label: what the table calls it.
        jobs: how many jobs the block does.
        pids: the client's processes, counted with their children; ours by default.

    A block that raises has no result.
    """
    meter, clients = Meter(), pids or [os.getpid()]
    wal, server_cpu, client_cpu = server.wal(), server.cpu(), cpu_seconds(*clients)
    everybody, began = machine_cpu(), time.perf_counter()
    yield meter
    seconds, everybody = time.perf_counter() - began, machine_cpu() - everybody
    client_cpu, ended_cpu = cpu_seconds(*clients) - client_cpu, server.cpu()
    spent = None if server_cpu is None or ended_cpu is None else ended_cpu - server_cpu
    others = None if spent is None else max(0.0, everybody - client_cpu - spent)
    meter.result = Measurement(label, jobs, seconds, client_cpu, spent, server.wal() - wal, others)


@dataclass(frozen=True)
class Stat:
    """One process of /proc: CPU seconds of its own and of the children it has reaped."""

    pid: int
    name: str
    parent: int
    own: float
    reaped: float


def read_stat(pid: int) -> Stat | None:
    """The process, or None if there is none (any more), as on a system without /proc."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name stands in parentheses and may hold anything, spaces and parentheses too: proc_pid_stat(5).
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    user, system, reaped_user, reaped_system = (int(field) / TICKS for field in fields[11:15])
    return Stat(pid, name, int(fields[1]), user + system, reaped_user + reaped_system)


def cpu_seconds(*roots: int) -> float:
    """CPU seconds of processes, of all their living descendants, and of those that they have reaped.

    Raises:
        RuntimeError: there is no such process.
    """
    stats = {stat.pid: stat for entry in PROC.glob("[0-9]*") if (stat := read_stat(int(entry.name)))}
    if gone := set(roots) - set(stats):
        raise RuntimeError(
            f"there is no process {min(gone)} to measure (CPU times come from /proc, which only Linux has)"
        )
    tree, fresh = set(roots), set(roots)
    while fresh:
        fresh = {pid for pid, stat in stats.items() if stat.parent in fresh and pid not in tree}
        tree |= fresh
    return sum(stats[pid].own + stats[pid].reaped for pid in tree)


def machine_cpu() -> float:
    """CPU seconds of the whole machine since it started: all that was not idle, what a hypervisor took included."""
    user, nice, system, _, _, irq, softirq, steal = map(int, (PROC / "stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def number(value: float | None, digits: int = 0) -> str:
    """1234567 as 1,234,567; a dash for what could not be measured."""
    return "-" if value is None else f"{value:,.{digits}f}"


def table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    """Rows as plain text in columns: the first one left-aligned, the others right-aligned."""
    widths = [max(len(row[column]) for row in (headers, *rows)) for column in range(len(headers))]
    pads = [str.ljust, *[str.rjust] * (len(headers) - 1)]
    lines = [headers, ["-" * width for width in widths], *rows]
    padded = ([pad(cell, width) for pad, cell, width in zip(pads, cells, widths, strict=True)] for cells in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def machine(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """What a figure depends on: processor, versions, the server's settings. No names of hosts, no paths."""
    rows = connection.execute("select name, current_setting(name) from unnest(%s::text[]) name", [list(SETTINGS)])
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgres": connection.info.parameter_status("server_version"),
        "settings": dict(rows.fetchall()),
    }


def _cpu_model() -> str:
    lines = (PROC / "cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown")


def write_json(path: Path, connection: psycopg.Connection[Any], results: Mapping[str, Any]) -> None:
    """Write `results` with the date and the machine, making the folder if need be."""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"date": date, "machine": machine(connection), **results}, indent=2) + "\n")
