"""Somebody who does what a page says, in a folder of their own."""

from __future__ import annotations

import ast
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import psycopg

from pgconductor.cli.main import run
from tests.command import COMMAND, environment
from tests.docs.output import agrees
from tests.docs.page import REPOSITORY, Block

HEAD = """\
[conductor]
format = 1
name = "shop"

[generate]
package = "shop.conductor"
"""
DATABASE = """
[database]
url = "${DATABASE_URL}"
"""
RUNNER = Path(__file__).with_name("toplevel.py")
# Commands that need no plan, or make one.
PLANLESS = ("init", "check", "generate", "schema", "explain", "version", "completion", "--help")
# Commands that go on until they are told to stop.
LASTING = (("run",), ("dev",), ("top",), ("executions", "tail"))
# Commands that import the project, which must not happen in this process.
IMPORTING = ("run", "invoke", "emit", "dev")
PATIENCE = 60.0


class Misled(AssertionError):
    """The page says something that is not so."""


class Reader:
    """One page's reader.

    Args:
        folder: empty.
        database: what `${DATABASE_URL}` stands for; None: the page is about the embedded Postgres.
    """

    def __init__(self, folder: Path, database: str | None) -> None:
        self.folder = folder
        self.database = database
        self._prelude = ""
        self._generated = ""
        self._applied = ""
        self._developing = False
        self._running: list[subprocess.Popen[str]] = []

    @property
    def config(self) -> Path:
        return self.folder / "conductor.toml"

    def follow(self, block: Block) -> None:
        """Do what a block says.

        Raises:
            Misled: something else happened than the page shows.
        """
        if block.source is not None:
            text = (REPOSITORY / block.source).read_text(encoding="utf-8")
            # A piece of a function's body is shown without the function's indentation.
            if not any(textwrap.indent(block.text, " " * spaces).strip() in text for spaces in (0, 4, 8)):
                raise Misled(f"{block.source} has no such text")
        elif block.not_run is None:
            getattr(self, f"_{block.language}")(block)

    def write(self, block: Block) -> None:
        """Only write what a block says: a file, a part of the configuration, or what `init` begins with."""
        begun = block.language == "console" and re.search(r"^\$ pgconductor init (\S+)", block.text, re.MULTILINE)
        if begun:
            self._command(f"pgconductor init {begun[1]}", None)
            self._command(f"cd {begun[1]}", None)
        elif block.language == "toml" or block.title is not None:
            getattr(self, f"_{block.language}")(block)

    def type_errors(self, cache: Path) -> str:
        """What mypy --strict has to say of the project as it is."""
        self._prepare()
        package = re.search(r'^package = "(\w+)', self.config.read_text(), re.MULTILINE)
        assert package is not None
        options = ["--strict", "--no-error-summary", "--cache-dir", str(cache), "--python-executable", sys.executable]
        code, output = self._process([sys.executable, "-m", "mypy", *options, "-p", package[1]])
        return output if code else ""

    def stop(self) -> None:
        """End what goes on, and everything that it started."""
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            output, _ = process.communicate(timeout=PATIENCE)
            # Who only looks needs no farewell.
            if process.returncode not in (0, -signal.SIGTERM if "tail" in process.args else 0):
                raise Misled(f"{process.args} ended with {process.returncode}:\n{output}")

    def _text(self, block: Block) -> None:
        """A drawing."""

    def _toml(self, block: Block) -> None:
        if block.title is not None:
            self._write(block)
            return
        if re.search(r"^\[conductor\]", block.text, re.MULTILINE):
            self.config.write_text(block.text)
        else:
            before = self.config.read_text() if self.config.exists() else HEAD
            self.config.write_text(_with(before, block.text))
        self._command("pgconductor check", None)

    def _python(self, block: Block) -> None:
        if block.title is not None:
            ast.parse(block.text, filename=block.title)
            self._write(block)
            return
        self._prelude += block.text
        if block.hidden:
            return
        self._prepare()
        self._apply()
        script = self.folder / ".script.py"
        script.write_text(self._prelude)
        self._prelude = ""
        code, output = self._process([sys.executable, "-W", "error", str(RUNNER), script.name])
        if code != 0:
            raise Misled(f"the script ended with {code}:\n{output}")

    def _sql(self, block: Block) -> None:
        assert self.database is not None
        self._prepare()
        self._apply()
        with psycopg.connect(self.database) as connection:
            connection.execute(block.text.encode())

    def _console(self, block: Block) -> None:
        for shown in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            line, _, output = shown.partition("\n")
            while line.endswith("\\"):
                more, _, output = output.partition("\n")
                line = line[:-1] + more.strip()
            *first, last = line.partition("  #")[0].split(" && ")
            for command in first:
                self._command(command, None)
            self._command(last, output)

    def _command(self, line: str, shown: str | None) -> None:
        """Run a command; where output is shown, it must print the same, with an error code if that begins so."""
        words = shlex.split(line)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            return
        if re.search(r"\||\$\(", line):
            self._prepare()
            words = []
        lasting = any(tuple(words[1 : 1 + len(verb)]) == verb for verb in LASTING)
        if words[:1] == ["pgconductor"] and lasting and "--drain" not in words:
            self._start(line, words)
            return
        code, output = self._run(words) if words[:1] == ["pgconductor"] else self._process(["bash", "-c", line])
        if shown and shown.strip() and not agrees(shown, output):
            raise Misled(f"$ {line}\nprints\n{output}\nand not, as shown,\n{shown}")
        if (code != 0) != bool(shown and re.search(r"^error", shown, re.MULTILINE)):
            raise Misled(f"$ {line}\nends with {code}\n{output}")

    def _run(self, words: list[str]) -> tuple[int, str]:
        if words[1] not in PLANLESS or "--imports" in words:
            self._prepare()
        elif words[1] != "init":
            self._settle()
        if words[1] in IMPORTING or "--imports" in words:
            return self._process([*COMMAND, *words[1:]])
        code, output = self._here(*words[1:])
        if words[1] == "generate":
            self._generated = self.config.read_text()
        return code, output

    def _here(self, *words: str) -> tuple[int, str]:
        """A command in this process: a quarter of a second sooner."""
        out = io.StringIO()
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(out):
            code = run(words)
        return code, out.getvalue()

    def _process(self, words: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout

    def _start(self, line: str, words: list[str]) -> None:
        # `dev` does by itself what `run` expects to be done.
        self._settle() if words[1] == "dev" else self._prepare()
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        command = [*COMMAND, *words[1:]]
        others = self._at_work() if words[1] == "run" else set()
        process = subprocess.Popen(command, cwd=self.folder, env=self._environment(), text=True, **streams)
        self._running.append(process)
        if words[1] in ("run", "dev"):
            # What is shown next finds somebody at work.
            self._wait_for(f"workers of `{line}`", lambda: bool(self._at_work() - others))
        if words[1] == "dev":
            self._developing = True
            self._generated = self._applied = self.config.read_text()

    def _wait_for(self, what: str, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            ended = [process for process in self._running if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                said = "".join(process.communicate()[0] for process in ended)
                raise Misled(f"waited for {what} in vain\n{said}")
            time.sleep(0.05)

    def _at_work(self) -> set[str]:
        """The processes of the workers that there are; none while one is lost, whose work nobody has taken over yet."""
        code, output = self._here("workers", "--json")
        return set() if code or '"state": "lost"' in output else set(re.findall(r'"pid": (\d+)', output))

    def _prepare(self) -> None:
        """What a person did when they read the last change of the configuration: generate."""
        self._settle()
        text = self.config.read_text()
        if text == self._generated:
            return
        if self._developing:
            self._wait_for("dev to see it", lambda: self._here("generate", "--check")[0] == 0)
            self._generated = self._applied = text
        else:
            self._command("pgconductor generate", None)

    def _apply(self) -> None:
        if self._applied != self._generated:
            self._command("pgconductor apply", None)
            self._applied = self._generated

    def _settle(self) -> None:
        """A configuration, and a database of this test's own where the page leaves it open: to embed one takes time."""
        if not self.config.exists():
            self.config.write_text(HEAD)
        text = self.config.read_text()
        if self.database is not None and not re.search(r"^\[database\]", text, re.MULTILINE):
            self.config.write_text(text + DATABASE)

    def _environment(self) -> dict[str, str]:
        scripts = Path(sys.executable).parent
        extra = {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
        if self.database is not None:
            extra["DATABASE_URL"] = self.database
        return environment(extra)

    def _write(self, block: Block) -> None:
        path = self.folder / str(block.title)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            (path.parent / "__init__.py").touch()
        path.write_text(block.text)


def _with(before: str, part: str) -> str:
    """A configuration with the tables of `part` in the place of its own."""
    comments, tables = _tables(part)
    head, kept = _tables(before)
    for name, text in tables.items():
        kept[name] = text
    return comments + head + "".join(kept.values())


def _tables(text: str) -> tuple[str, dict[str, str]]:
    """What stands before the first table, and each table by its header."""
    head, *rest = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    return head, {table.partition("\n")[0].partition("#")[0].strip(): table.rstrip() + "\n\n" for table in rest}
