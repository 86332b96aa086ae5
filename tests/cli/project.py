"""A project as a person would have it, for commands to work on."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from pgconductor.cli.main import run
from tests.command import COMMAND, environment, pgconductor

CONFIG = """\
[conductor]
format = 1
name = "shop"

[database]
url = "${SHOP_DATABASE}"

[generate]
package = "shop.conductor"

[queues.slow]
worker_concurrency = 2
drain_timeout = "200ms"

[tasks.greet]
handler = "shop.work:greet"

[tasks.greet.payload]
name = "str"

[tasks.greet.returns]
message = "str"

[tasks.nap]
handler = "shop.work:nap"
queue = "slow"

[tasks.nap.payload]
seconds = "float"

[tasks.stumble]
handler = "shop.work:stumble"
retry = { max_attempts = 1, schedule = ["1s"] }
"""

HANDLERS = """\
import asyncio
from typing import NoReturn

from shop.conductor import tasks
from shop.conductor.models import GreetPayload, GreetResult, NapPayload, StumblePayload


async def greet(payload: GreetPayload, ctx: tasks.Context) -> GreetResult:
    ctx.logger.info("greeting %s", payload.name)
    return GreetResult(message=f"Hello, {payload.name}!")


async def nap(payload: NapPayload, ctx: tasks.Context) -> None:
    print("napping", flush=True)
    await asyncio.sleep(payload.seconds)


async def stumble(payload: StumblePayload, ctx: tasks.Context) -> NoReturn:
    raise RuntimeError("over \\x1b[31mmy own feet")
"""


class Said(NamedTuple):
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Shop:
    """The project and its database."""

    folder: Path
    database: str

    @property
    def env(self) -> dict[str, str]:
        return {"SHOP_DATABASE": self.database}

    def run(self, *words: str, code: int = 0, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return pgconductor(*words, cwd=self.folder, env={**self.env, **(env or {})}, code=code)

    def ask(self, *words: str, code: int = 0) -> Said:
        """A command that imports nothing of the project, in this process: a quarter of a second sooner."""
        out, errors = io.StringIO(), io.StringIO()
        with chdir(self.folder), _variables(self.env), redirect_stdout(out), redirect_stderr(errors):
            returned = run(words)
        assert returned == code, f"exit code {returned}, not {code}\n{out.getvalue()}\n{errors.getvalue()}"
        return Said(out.getvalue(), errors.getvalue())

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """A command that goes on; end it with `with`."""
        env = environment(self.env)
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*COMMAND, *words], cwd=self.folder, env=env, **{**streams, **options})

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(query).fetchall()

    def invoke_in_sql(self, task: str, payload: dict[str, Any]) -> str:
        """Invoke a task as any language would. Returns the execution's id."""
        with psycopg.connect(self.database) as connection:
            row = connection.execute("select pgconductor.invoke(%s, %s)::text", (task, Jsonb(payload))).fetchone()
        assert row is not None
        return str(row[0])

    def states(self) -> dict[str, int]:
        counted = "select state, count(*)::int from pgconductor.executions group by state"
        return dict(self.rows(counted))

    def edit(self, before: str, after: str) -> None:
        """Change conductor.toml."""
        path = self.folder / "conductor.toml"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))


def make_shop(folder: Path, database: str) -> Shop:
    """Write the project and compile it."""
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "work.py").write_text(HANDLERS)
    (folder / "conductor.toml").write_text(CONFIG)
    shop = Shop(folder, database)
    shop.run("generate")
    assert not (folder / ".pgconductor").exists(), "generate needs no database"
    return shop


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
