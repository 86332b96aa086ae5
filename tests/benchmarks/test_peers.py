"""The contest: turns, ratios, answers, environments. Playing it takes the registries: `make bench-peers` does."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.database import with_database
from benchmarks.measure import Measurement
from benchmarks.peers.__main__ import in_turn, ratio, report
from benchmarks.peers.contest import Round
from benchmarks.peers.environment import Environment, Unavailable, prepare
from benchmarks.peers.peer import PEERS, Peer
from benchmarks.peers.process import PeerFailed, PeerProcess


def a_round(seconds: float) -> Round:
    measured = Measurement("drain", jobs=1000, seconds=seconds, client_cpu=0.02, server_cpu=0.01, wal_bytes=400_000)
    facts = {"version": "1.0", "runtime": "Python 3.11", "settings": "its best"}
    return Round(facts, enqueue=replace(measured, label="enqueue"), drain=measured)


def program(tmp_path: Path, text: str) -> PeerProcess:
    (tmp_path / "program.py").write_text(text)
    environment = Environment((sys.executable, "program.py"), tmp_path)
    return PeerProcess(environment, "drain", "10", dsn="postgresql:///x", limit=20)


def test_another_peer_begins_each_round() -> None:
    first, second, third = PEERS[:3]
    assert [in_turn(PEERS[:3], turn)[0] for turn in range(4)] == [first, second, third, first]


def test_ratios_are_taken_within_a_round() -> None:
    ours, theirs = [a_round(1), a_round(10), a_round(4)], [a_round(2), a_round(20), a_round(40)]
    assert ratio(ours, theirs) == 2


def test_the_table_names_versions_and_settings() -> None:
    shown = report({"pgconductor": [a_round(1)], "pgqueuer": [a_round(3)]})
    assert "3.0 x" in shown
    assert "pgqueuer 1.0 on Python 3.11: its best" in shown


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://me@localhost:5433/postgres", "postgresql://me@localhost:5433/bench"),
        ("postgresql://me@/postgres?host=/run/pg", "postgresql://me@/bench?host=/run/pg"),
        ("postgresql:///?host=/run/pg", "postgresql:///bench?host=/run/pg"),
    ],
)
def test_a_database_of_the_same_server(dsn: str, expected: str) -> None:
    assert with_database(dsn, "bench") == expected


def test_a_program_is_heard_between_its_libraries_lines(tmp_path: Path) -> None:
    text = "print('some log')\nprint('peer: {\"ready\": true}', flush=True)\ninput()\nprint('peer: {\"done\": 10}')"
    with program(tmp_path, text) as process:
        assert process.answer("ready") == {"ready": True}
        process.go()
        assert process.answer("done") == {"done": 10}


def test_a_program_that_dies_is_quoted(tmp_path: Path) -> None:
    with (
        program(tmp_path, "raise SystemExit('no such table')") as process,
        pytest.raises(PeerFailed, match="no such table"),
    ):
        process.answer("ready")


def test_a_program_that_hangs_is_killed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import time; time.sleep(60)")
    environment = Environment((sys.executable, "program.py"), tmp_path)
    with (
        PeerProcess(environment, "drain", "10", dsn="postgresql:///x", limit=0.2) as process,
        pytest.raises(PeerFailed, match="ended with -9"),
    ):
        process.answer("ready")


def test_what_a_peer_lacks_is_said() -> None:
    with pytest.raises(Unavailable, match=r"needs Python 9\.9 or newer"):
        prepare(Peer("tomorrow", "tomorrow.py", ("tomorrow",), python=(9, 9)))


def test_without_node_its_peer_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match="node"):
        prepare(next(peer for peer in PEERS if peer.name == "graphile-worker"))
