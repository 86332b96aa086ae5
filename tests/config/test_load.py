"""A valid configuration: what is read is what was meant."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pgconductor.config import Config, Diagnostic, InvalidConfig, load
from pgconductor.config.condition import parse as parse_condition
from pgconductor.config.model import Database, Dev, Event, Generate, Pool, Queue, Retention, Task
from pgconductor.config.types import Fields
from pgconductor.config.windows import parse as parse_window
from tests.config.cases import HEAD
from tests.config.conftest import Write

DATA = Path(__file__).parent / "data"

Valid = Callable[..., Config]
Problems = Callable[..., tuple[Diagnostic, ...]]


@pytest.fixture(scope="module")
def kitchen_sink() -> Config:
    return load(DATA / "kitchen_sink.toml")


def test_every_key_of_the_reference_is_read(kitchen_sink: Config, snapshot: SnapshotAssertion) -> None:
    values = kitchen_sink.model_dump(mode="json", exclude={"path", "sources"})
    assert json.dumps(values, indent=1, ensure_ascii=False) == snapshot


def test_the_kitchen_sink_leaves_no_key_out(kitchen_sink: Config) -> None:
    """Every field of every model has another value than its default somewhere in the snapshot above."""
    unchanged = {
        "Config": _unchanged(kitchen_sink),
        "Database": _unchanged(kitchen_sink.database),
        "Generate": _unchanged(kitchen_sink.generate),
        "Dev": _unchanged(kitchen_sink.dev),
        "Queue": set.intersection(*map(_unchanged, kitchen_sink.queues.values())),
        "Task": set.intersection(*map(_unchanged, kitchen_sink.tasks.values())),
        "Event": set.intersection(*map(_unchanged, kitchen_sink.events.values())),
    }
    assert {name: fields for name, fields in unchanged.items() if fields} == {}


def _unchanged(model: Config | Database | Generate | Dev | Queue | Task | Event) -> set[str]:
    fields = type(model).model_fields
    return {name for name, field in fields.items() if not field.is_required() and getattr(model, name) == field.default}


def test_fields_in_words(kitchen_sink: Config, snapshot: SnapshotAssertion) -> None:
    models = {f"task {name}": task.payload for name, task in kitchen_sink.tasks.items()}
    models |= {f"event {name}": event.payload for name, event in kitchen_sink.events.items()}
    models |= {f"type {name}": shared for name, shared in kitchen_sink.types.items()}
    lines = []
    for title, model in models.items():
        lines.append(f"{title}:")
        lines += [f"    {field}" for field in model.fields] if isinstance(model, Fields) else [f"    {model}"]
    assert "\n".join(lines) == snapshot


def test_every_default_of_the_reference(valid: Valid) -> None:
    config = valid("[queues.mails]\n[tasks.send]\n[tasks.report.triggers.daily]\ncron = '@daily'\n[events.paid]\n")
    assert config.schema_name == "pgconductor"
    assert config.timezone == "UTC"
    assert config.database == Database(
        url=None, pool=Pool(), listen_url=None, apply="auto", lock_timeout_ms=3_000, statement_timeout_ms=None
    )
    assert config.generate == Generate(
        package="shop.conductor", source_root=".", sql_dir="db/conductor", clients=("async", "sync"), python="3.11"
    )
    assert config.dev == Dev(watch=(), ignore=(), grace_ms=3_000, port=8765)
    assert config.queues["mails"] == Queue(
        name="mails",
        worker_concurrency=10,
        poll_interval_ms=1_000,
        fetch_batch_size=100,
        flush_batch_size=500,
        lease_ms=30_000,
        drain_timeout_ms=30_000,
        executor="async",
        processes=1,
        durability="strict",
        paused_on_create=False,
    )
    send = config.tasks["send"]
    assert (send.key, send.queue, send.handler, send.payload, send.result) == ("send", "default", None, Fields(), None)
    assert (send.invocable, config.tasks["report"].invocable) == (True, False)
    assert (send.priority, send.timeout_ms, send.step_timeout_ms, send.version, send.upgrade) == (
        0,
        None,
        None,
        1,
        None,
    )
    assert (send.retry.max_attempts, send.retry.delays_ms, send.retry.jitter) == (3, (15_000, 30_000, 60_000), 0.1)
    day = 24 * 3_600_000
    assert send.retention == Retention(completed_ms=7 * day, failed_ms=30 * day, cancelled_ms=7 * day)
    assert (send.concurrency, send.rate_limit, send.dedupe, send.batch, send.windows) == (None, None, None, None, ())
    assert (send.log_payload, send.deprecated, send.description, send.timezone) == (False, False, None, "UTC")
    assert config.events["paid"].retention_ms == day


def test_the_default_queue_always_exists_and_can_be_tuned(valid: Valid) -> None:
    assert set(valid("").queues) == {"default"}
    assert valid("[queues.default]\nlease = '1m'\n").queues["default"].lease_ms == 60_000


def test_defaults_are_merged_into_queues_and_tasks(valid: Valid) -> None:
    config = valid(
        "[defaults.queue]\nprocesses = 3\nlease = '1m'\n[queues.mails]\nprocesses = 2\n"
        "[defaults.task]\npriority = 5\nretention = { failed = '1d', completed = 'forever' }\n"
        "[tasks.send]\nretention = { failed = '2d' }\n[tasks.report]\npriority = 0\n"
    )
    assert (config.queues["default"].processes, config.queues["mails"].processes) == (3, 2)
    assert config.queues["mails"].lease_ms == 60_000
    send, report = config.tasks["send"], config.tasks["report"]
    assert (send.priority, report.priority) == (5, 0)
    assert send.retention == Retention(completed_ms=None, failed_ms=2 * 86_400_000)
    assert report.retention == Retention(completed_ms=None, failed_ms=86_400_000)


def test_time_zones_come_down_from_application_to_task_to_trigger(write: Write) -> None:
    text = HEAD.replace("name", 'timezone = "Europe/Amsterdam"\nname')
    text += "[tasks.a.triggers.t]\ncron = '@daily'\n[tasks.b]\ntimezone = 'Asia/Tokyo'\n"
    text += "triggers.t = { cron = '@daily' }\ntriggers.u = { cron = '@daily', timezone = 'UTC' }\n"
    tasks = load(write(text)).tasks
    zones = {f"{name}.{key}": getattr(t, "timezone", "") for name in tasks for key, t in tasks[name].triggers.items()}
    assert zones == {"a.t": "Europe/Amsterdam", "b.t": "Asia/Tokyo", "b.u": "UTC"}
    assert [tasks[name].timezone for name in "ab"] == ["Europe/Amsterdam", "Asia/Tokyo"]


def test_source_root_is_src_where_there_is_one(valid: Valid, write: Write, tmp_path: Path) -> None:
    assert valid("").generate.source_root == "."
    (tmp_path / "src").mkdir()
    assert valid("").generate.source_root == "src"


def test_sources_are_every_file_read_with_its_digest(kitchen_sink: Config) -> None:
    names = ["kitchen_sink.toml", "more/b.toml", "schemas/row.json"]
    digests = {name: hashlib.sha256((DATA / name).read_bytes()).hexdigest() for name in names}
    assert kitchen_sink.sources == digests
    assert kitchen_sink.path == DATA / "kitchen_sink.toml"


def test_what_was_checked_can_be_read_again(kitchen_sink: Config) -> None:
    """The compiler parses windows and conditions from the config with the same functions."""
    send = kitchen_sink.tasks["send_email"]
    assert [parse_window(window).days for window in send.windows] == [(0, 1, 2, 3, 4), (5, 6)]
    paid, users = send.triggers["paid"], send.triggers["users"]
    assert paid.kind == "event"
    assert users.kind == "table"
    assert paid.where is not None
    assert users.when is not None
    parse_condition(paid.where, {"payload": None})
    parse_condition(users.when, {"new": None, "old": None})


def test_a_required_field_that_may_be_none_is_none_in_a_cron_payload(valid: Valid) -> None:
    config = valid(
        "[tasks.a]\npayload = { a = 'int | None', b = 'int' }\ntriggers.t = { cron = '@daily', payload = { b = 1 } }\n"
    )
    trigger = config.tasks["a"].triggers["t"]
    assert trigger.kind == "cron"
    assert trigger.payload == {"a": None, "b": 1}


def test_text_of_any_kind_is_only_text(valid: Valid) -> None:
    hostile = "'; drop table users; -- {{ 7 * 7 }} $$ \\\" \U0001f389 \u202e ${HOME} {order}"
    written = json.dumps(hostile, ensure_ascii=False)
    config = valid(
        f"[tasks.send]\ndescription = {written}\ndeprecated = {written}\n"
        f"[tasks.send.payload]\na = {{ type = 'str', default = {written}, description = {written} }}\n"
    )
    send = config.tasks["send"]
    assert send.description == send.deprecated == hostile
    assert isinstance(send.payload, Fields)
    assert send.payload.fields[0].default == send.payload.fields[0].description == hostile


def test_a_byte_order_mark_is_no_problem(write: Write) -> None:
    assert load(write(b"\xef\xbb\xbf" + HEAD.encode())).name == "shop"


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_line_ends_make_no_difference(ends: str, write: Write) -> None:
    text = HEAD + '[tasks.send]\ndescription = """\none\ntwo"""\n'
    config = load(write(text.replace("\n", ends).encode()))
    assert config.tasks["send"].description == "one\ntwo"


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load(tmp_path / "conductor.toml", relative_to=tmp_path)
    assert str(caught.value) == "error[CFG002]: there is no file `conductor.toml`\n --> conductor.toml"


def test_a_directory_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load(tmp_path, relative_to=tmp_path.parent)
    assert f"error[CFG002]: `{tmp_path.name}` is a directory" in str(caught.value)


def test_a_file_of_another_encoding_says_where(write: Write, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load(write(HEAD.encode() + "[tasks.caf\u00e9]\n".encode("latin-1")), relative_to=tmp_path)
    (found,) = caught.value.diagnostics
    assert (found.code, found.place.line, found.place.col) == ("CFG003", 8, 11)


@pytest.mark.parametrize("data", [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf\xff", b"a = \xed\xa0\x80"])
def test_bytes_of_any_kind_are_one_clear_error(data: bytes, problems: Problems) -> None:
    assert [found.code for found in problems(data)] in (["CFG001"], ["CFG003"])


def test_names_in_diagnostics_are_relative_to_where_the_command_runs(write: Write, tmp_path: Path) -> None:
    path = write(HEAD + "[queues.Bad]\n")
    with pytest.raises(InvalidConfig) as caught:
        load(path, relative_to=tmp_path / "deep" / "inside")
    assert caught.value.diagnostics[0].place.file == "../../conductor.toml"


def test_loading_depends_on_nothing_but_the_files(kitchen_sink: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCONDUCTOR_CONFIG", "/nowhere")
    monkeypatch.setenv("PGCONDUCTOR_ENV", "prod")
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.chdir("/")
    assert load(DATA / "kitchen_sink.toml") == kitchen_sink


def test_three_hundred_tasks_load_in_well_under_half_a_second(write: Write) -> None:
    text = HEAD + '[types.T]\na = "int"\n[events."x.y"]\npayload = { a = "int" }\n'
    for n in range(300):
        text += f"""
[tasks.task_{n}]
handler = "shop.module_{n}:run"
timeout = "30s"
retry = {{ schedule = ["1s", "2s"] }}
dedupe = {{ key = "{{to}}" }}
payload = {{ to = "str", n = {{ type = "int(ge=0)", default = 3 }}, t = {{ type = "T", default = {{ a = 1 }} }} }}
returns = {{ id = "uuid" }}
triggers.c = {{ cron = "{n % 60} 9 * * mon-fri", payload = {{ to = "x" }} }}
triggers.e = {{ event = "x.y", where = "payload.a > {n} and payload.a < 1000" }}
"""
    path = write(text)
    spent = []
    for _ in range(3):
        before = time.process_time()
        assert len(load(path).tasks) == 300
        spent.append(time.process_time() - before)
    assert min(spent) < 0.5


def test_importing_the_configuration_imports_no_database_templates_or_terminal() -> None:
    script = (
        "import sys, pgconductor.config; print([m for m in ('psycopg', 'jinja2', 'rich', 'click') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
