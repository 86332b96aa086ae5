"""The entry point: help at once, errors with their exit code, streams kept apart."""

from __future__ import annotations

import ast
import json
import os
import pty
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from pgconductor.cli.main import group, run
from pgconductor.cli.verbs import VERBS
from tests.command import COMMAND, environment, pgconductor

REPOSITORY = Path(__file__).resolve().parents[2]


def test_help_imports_neither_driver_nor_models(tmp_path: Path) -> None:
    heavy = {"psycopg", "pydantic", "rich", "jinja2", "asyncio", "pgconductor.config", "pgconductor.plan.model"}
    assert heavy.isdisjoint(_imported_by("--help", cwd=tmp_path))


def test_generate_imports_nothing_that_runs_and_nothing_of_the_users() -> None:
    layers = {f"pgconductor.{name}" for name in ("api", "client", "store", "runtime", "dev", "testing")}
    heavy = {"psycopg", "rich", "asyncio", "watchfiles", "logging", "http", "pydantic.networks", "examples"}
    assert (layers | heavy).isdisjoint(_imported_by("generate", "--check", cwd=REPOSITORY))


def test_help_takes_little_longer_than_click_itself(tmp_path: Path) -> None:
    """70 ms where click takes 60."""
    assert _ratio((*COMMAND, "--help"), (sys.executable, "-c", "import click"), cwd=tmp_path) < 2


def test_generate_takes_little_longer_than_what_it_stands_on() -> None:
    """1.4 times on a quiet machine; beside other tests up to 1.9, where it was 2.9 when it compiled every template."""
    beneath = "import click, jinja2, pydantic; pydantic.create_model('Model', field=int)"
    assert _ratio((*COMMAND, "generate", "--check"), (sys.executable, "-c", beneath), cwd=REPOSITORY) < 2.5


def _imported_by(*words: str, cwd: Path) -> set[str]:
    script = f"import sys; from pgconductor.cli.main import run; run({words!r}); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=cwd)
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def _ratio(command: Sequence[str], beside: Sequence[str], *, cwd: Path) -> float:
    """How much more one computes than the other: not how long they take, since a busy machine lets both wait."""

    def seconds(words: Sequence[str]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, cwd=cwd, env=environment(), capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    rounds = [(seconds(command), seconds(beside)) for _ in range(6)]
    return min(ours for ours, _ in rounds) / min(theirs for _, theirs in rounds)


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_whose_first_sentence_is_its_summary(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert (command.help or "").split("\n\n")[0].replace("\n", " ").startswith(VERBS[name].summary)
    for param in command.params:
        assert not isinstance(param, click.Option) or param.help, f"{name} {param.name} has no help"


def test_a_misspelt_verb_is_a_usage_error_with_a_suggestion(tmp_path: Path) -> None:
    done = pgconductor("genrate", cwd=tmp_path, code=2)
    assert "there is no verb `genrate`; did you mean `generate`?" in done.stderr
    assert done.stdout == ""


def test_a_misspelt_option_is_a_usage_error(tmp_path: Path) -> None:
    assert "No such option" in pgconductor("version", "--jsno", cwd=tmp_path, code=2).stderr


def test_an_error_of_ours_is_one_message_and_its_exit_code(tmp_path: Path) -> None:
    done = pgconductor("apply", cwd=tmp_path, code=3)
    assert (
        done.stderr == f"error: no plan.json below {tmp_path}; run `pgconductor generate`, or name one with `--plan`\n"
    )
    assert done.stdout == ""


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    waits = "v._installed = lambda name: (print('on', flush=True), time.sleep(30))"
    script = f"import time, pgconductor.cli.version as v; {waits}\nfrom pgconductor.cli.main import main\nmain()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_ctrl_c_while_the_command_line_itself_is_imported_ends_it_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    env = environment({"PYTHONPATH": str(tmp_path)})
    done = subprocess.run([*COMMAND, "version"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_a_reader_who_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "explain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize(("env", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_errors_are_coloured_on_a_terminal_only_and_never_against_no_color(
    tmp_path: Path, env: dict[str, str], colored: bool
) -> None:
    ours, theirs = pty.openpty()
    terminal = environment({"TERM": "xterm", **env})
    subprocess.run([*COMMAND, "apply"], stderr=theirs, env=terminal, cwd=tmp_path, check=False)
    os.close(theirs)
    said = os.read(ours, 10_000)
    os.close(ours)
    assert (b"\x1b[" in said) is colored
    assert b"no plan.json" in said


def test_running_in_this_process_returns_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "CFG000"]) == 2
    assert run(["explain", "cfg201"]) == 0
    assert capsys.readouterr().out.startswith("CFG201: unknown queue\n\n")


def test_explain_lists_every_code(tmp_path: Path) -> None:
    lines = pgconductor("explain", cwd=tmp_path).stdout.splitlines()
    assert "CFG201  unknown queue" in lines
    assert "GEN101  a generated file was edited" in lines
    assert lines == sorted(lines)


def test_version_for_people_and_programs(tmp_path: Path) -> None:
    import json

    from pgconductor import __version__

    assert f"pgconductor        {__version__}\n" in pgconductor("version", cwd=tmp_path).stdout
    assert json.loads(pgconductor("version", "--json", cwd=tmp_path).stdout)["pgconductor"] == __version__


def test_explain_for_programs(tmp_path: Path) -> None:
    listed = json.loads(pgconductor("explain", "--json", cwd=tmp_path).stdout)
    assert len(listed) == len(pgconductor("explain", cwd=tmp_path).stdout.splitlines())
    one = json.loads(pgconductor("explain", "cfg201", "--json", cwd=tmp_path).stdout)
    assert one in listed
    assert (one["code"], one["title"]) == ("CFG201", "unknown queue")


def test_every_code_that_is_ever_shown_is_explained() -> None:
    import re

    import pgconductor
    from pgconductor.cli.explain import CODES

    sources = Path(pgconductor.__file__).parent.rglob("*.py")
    shown = {code for path in sources for code in re.findall(r"\b(?:CFG|GEN|DB|RUN)[0-9]{3}\b", path.read_text())}
    assert shown <= CODES.keys()
