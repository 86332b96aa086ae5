"""The database's password appears nowhere, whatever is asked and whatever goes wrong."""

from __future__ import annotations

import signal
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.cli.backstage import put
from tests.cli.project import Shop
from tests.cli.terminal import Terminal

ASKING = (
    ["apply"],
    ["diff"],
    ["status"],
    ["status", "--json"],
    ["tasks", "--json"],
    ["workers", "--json"],
    ["queues", "list"],
    ["queues", "pause", "slow"],
    ["queues", "purge", "slow", "--yes"],
    ["executions", "list"],
    ["executions", "cancel", "--queue", "default"],
    ["doctor"],
    ["doctor", "--json"],
    ["invoke", "greet", '{"name": "a"}'],
    ["run", "--drain"],
    ["executions", "tail"],
    ["top", "--json"],
)
SECRET = "open-sesame"


def with_password(database: str) -> tuple[str, str]:
    """The same database by a URL with a password in its most usual place, and the password."""
    given = conninfo_to_dict(database)
    secret = str(given.pop("password", None) or SECRET)
    user, name = given.pop("user", "postgres"), given.pop("dbname")
    query = "&".join(f"{key}={value}" for key, value in given.items())
    return f"postgresql://{user}:{secret}@/{name}?{query}", secret


def said(shop: Shop, *words: str) -> str:
    """All that a command writes; what does not end by itself is interrupted."""
    if words[0] not in ("invoke", "run", "top") and "tail" not in words:
        done = shop.ask(*words, code=1 if words[0] == "doctor" else 0)
        return done.stdout + done.stderr
    process = shop.start(*words)
    if words[0] == "top" or "tail" in words:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    return str(out + errors)


def test_while_all_is_well(shop: Shop) -> None:
    url, secret = with_password(shop.database)
    put(shop, "ready", "nap", "slow")
    for words in ASKING:
        assert secret not in said(Shop(shop.folder, url), *words), words


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://app:{SECRET}@127.0.0.1:1/shop",
        f"postgresql://app@127.0.0.1:1/shop?password={SECRET}",
        f"postgresql://app:a/{SECRET}@127.0.0.1:1/shop",
        f"postgresql://app:{SECRET}@127.0.0.1:1/shop?nonsense=1",
        f"postgresql+psycopg://app:{SECRET}@127.0.0.1:1/shop",
        f"host=127.0.0.1 port=1 password={SECRET}",
        f"host=127.0.0.1 port=1 password {SECRET}",
    ],
    ids=["url", "query", "slash", "bad option", "driver", "keywords", "broken"],
)
def test_in_no_error(request: pytest.FixtureRequest, url: str) -> None:
    folder: Path = request.getfixturevalue("_compiled")
    for words in ASKING:
        done = Shop(folder, url).ask(*words, code=6)
        text = done.stdout + done.stderr
        assert "cannot reach the database" in text, words
        assert SECRET not in text, words


def test_on_no_screen(shop: Shop) -> None:
    url, secret = with_password(shop.database)
    with closing(Terminal(Shop(shop.folder, url), "top")) as terminal:
        terminal.read_until("no workers")
        terminal.type("q")
        terminal.ended()
        assert secret.encode() not in terminal.seen


def test_an_unknown_execution_shows_none_either(shop: Shop) -> None:
    url, secret = with_password(shop.database)
    done = Shop(shop.folder, url).ask("executions", "show", str(uuid4()), code=1)
    assert secret not in done.stdout + done.stderr
