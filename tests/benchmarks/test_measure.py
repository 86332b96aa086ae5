"""The measuring itself: figures per job, processes found, tables aligned."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from benchmarks.measure import Measurement, Server, cpu_seconds, machine, measure, number, read_stat, table, write_json
from tests.database import PrivateServer

BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def test_figures_are_per_job() -> None:
    result = Measurement("drain", jobs=1000, seconds=0.5, client_cpu=0.02, server_cpu=0.01, wal_bytes=400_000)
    assert result.rate == 2000
    assert result.client_us == pytest.approx(20)
    assert result.server_us == pytest.approx(10)
    assert result.wal_per_job == 400
    assert result.row() == ("drain", "1,000", "2,000", "20.0", "10.0", "400")


def test_a_server_elsewhere_has_no_cpu_figure() -> None:
    result = Measurement("drain", jobs=1000, seconds=0.5, client_cpu=0.02, server_cpu=None, wal_bytes=0)
    assert result.row()[4] == "-"
    assert result.as_json()["server_us"] is None


def test_cpu_of_a_living_child_counts_and_stays_when_it_is_reaped() -> None:
    before = cpu_seconds(os.getpid())
    with subprocess.Popen([sys.executable, "-c", BURN + "\nprint(flush=True)\ninput()"], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alive = cpu_seconds(os.getpid())
        child.communicate(b"\n")
    assert alive - before >= 0.28
    assert cpu_seconds(os.getpid()) >= alive


def test_a_process_is_read_whatever_its_name_holds() -> None:
    rename = "open('/proc/self/comm', 'w').write('a) (b c')\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", rename], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        stat = read_stat(child.pid)
        child.communicate(b"\n")
    assert stat is not None
    assert (stat.name, stat.parent) == ("a) (b c", os.getpid())


def test_a_process_that_is_gone_is_an_error_not_a_zero() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    assert read_stat(child.pid) is None
    with pytest.raises(RuntimeError, match="no process"):
        cpu_seconds(child.pid)


def test_columns_align() -> None:
    assert table([("one", "1"), ("twenty", "20,000")], headers=("name", "jobs")) == (
        "name      jobs\n------  ------\none          1\ntwenty  20,000"
    )


def test_numbers_read_well() -> None:
    assert [number(1234567), number(1.25, 1), number(None)] == ["1,234,567", "1.2", "-"]


def test_a_block_is_charged_for_the_servers_work(private_server: PrivateServer) -> None:
    busy = "do $$ begin perform sum(sqrt(i)) from generate_series(1, 2000000) i; end $$"
    with psycopg.connect(private_server.dsn, autocommit=True) as connection:
        server = Server.of(connection)
        with measure(server, "nothing", jobs=1) as idle:
            pass
        # The backend ends within the block: what the dead have used counts too.
        with measure(server, "work", jobs=1) as meter, psycopg.connect(private_server.dsn, autocommit=True) as other:
            other.execute("create table t as select generate_series(1, 1000) as i")
            other.execute(busy)
    assert meter.result.server_cpu is not None
    assert idle.result.server_cpu is not None
    assert meter.result.server_cpu > idle.result.server_cpu + 0.05
    assert meter.result.wal_bytes > 1000 * 24


def test_what_others_do_meanwhile_is_told_apart(private_server: PrivateServer) -> None:
    with (
        psycopg.connect(private_server.dsn, autocommit=True) as connection,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as client,
    ):
        with measure(Server.of(connection), "nothing", jobs=1, pids=[client.pid]) as meter:
            subprocess.run([sys.executable, "-c", BURN], check=True)
        client.communicate(b"\n")
    assert meter.result.others is not None
    assert meter.result.others >= 0.25
    assert 0 < meter.result.others_share <= 1.1


def test_a_block_that_raises_has_no_result(server: str) -> None:
    with (
        psycopg.connect(server, autocommit=True) as connection,
        pytest.raises(ZeroDivisionError),
        measure(Server.of(connection), "broken", jobs=1) as meter,
    ):
        raise ZeroDivisionError
    assert not hasattr(meter, "result")


def test_results_name_the_machine_and_no_place(server: str, tmp_path: Path) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        write_json(tmp_path / "results" / "bench.json", connection, {"drain": {"rate": 1.5}})
        described = machine(connection)
    written = json.loads((tmp_path / "results" / "bench.json").read_text())
    assert written["drain"] == {"rate": 1.5}
    assert written["machine"] == described
    assert set(described) == {"cpu", "cores", "memory_gib", "system", "python", "postgres", "settings"}
    assert os.uname().nodename not in json.dumps(described)
