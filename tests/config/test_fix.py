"""Spelling that is beyond doubt is mended in place; every other byte stays, and what is in doubt stays too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pgconductor.config import Diagnostic, InvalidConfig, load
from pgconductor.config.fix import fix_spelling
from pgconductor.config.suggestion import closest
from tests.config.cases import CASES, HEAD
from tests.config.conftest import Write

Mend = Callable[..., tuple[str, list[str]]]

MISSPELT = (
    HEAD
    + """\
[queues.mailers]   # one a line
worker_concurency = 8
drain-timeout = "1s"

[types.Plan]
enum = ["free", "pro"]

[events."order.paid"]
payload = { total = "string" }

[tasks.send_email]
queue = 'mailer'
dedupe = { key = "é-{tennant}", scope = "pendin" }

[tasks.send_email.payload]
tenant = "uuidd | None"
plan = { type = "list[Plann](min_len=1)", default = ["fre"] }

[tasks.send_email.triggers.paid]
event = "order.payed"
where = "payload.totl = 'a'"

[env.prod.tasks.send_mail]
priorty = 3
"""
)
MENDED = (
    HEAD
    + """\
[queues.mailers]   # one a line
worker_concurrency = 8
drain_timeout = "1s"

[types.Plan]
enum = ["free", "pro"]

[events."order.paid"]
payload = { total = "str" }

[tasks.send_email]
queue = 'mailers'
dedupe = { key = "é-{tenant}", scope = "pending" }

[tasks.send_email.payload]
tenant = "uuid | None"
plan = { type = "list[Plan](min_length=1)", default = ["free"] }

[tasks.send_email.triggers.paid]
event = "order.paid"
where = "payload.total = 'a'"

[env.prod.tasks.send_email]
priority = 3
"""
)


@pytest.fixture
def mend(write: Write, tmp_path: Path) -> Mend:
    def mend(text: str | bytes, name: str = "conductor.toml", **more: str | bytes) -> tuple[str, list[str]]:
        path = write(text, **more)
        fixed = [str(item) for item in fix_spelling(lambda: load(path, relative_to=tmp_path), tmp_path)]
        return (tmp_path / name).read_bytes().decode("utf-8"), fixed

    return mend


def test_what_is_beyond_doubt_is_mended(mend: Mend, tmp_path: Path) -> None:
    text, fixed = mend(MISSPELT)
    assert text == MENDED
    assert len(fixed) == 14
    assert "conductor.toml:9:1: `worker_concurency` became `worker_concurrency`" in fixed
    load(tmp_path / "conductor.toml")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_other_byte_stays(ends: str, mark: bytes, mend: Mend, tmp_path: Path) -> None:
    mend(mark + MISSPELT.replace("\n", ends).encode())
    assert (tmp_path / "conductor.toml").read_bytes() == mark + MENDED.replace("\n", ends).encode()


def test_a_word_in_an_included_file_is_mended_there(mend: Mend) -> None:
    head = HEAD.replace("name", 'include = ["more.toml"]\nname')
    files = {"more.toml": "[queues.mail]\nprocesess = 2\n"}
    text, fixed = mend(head, name="more.toml", files=files)
    assert text == "[queues.mail]\nprocesses = 2\n"
    assert fixed == ["more.toml:2:1: `procesess` became `processes`"]


@pytest.mark.parametrize(
    "text",
    [
        "[queues.mail]\nbatch_size = 5\n",  # of fetching or of flushing?
        "[queues.mail1]\n[queues.mail2]\n[tasks.send]\nqueue = 'mail'\n",
        "[queues.mail]\ncolour = 5\n",
        "[queues.mail]\nprocesses = 2\nprocesess = 3\n",  # the right one is there
        '[queues.mail]\n"\\u0070rocesess" = 3\n',  # not the word, but what it means
        "[tasks.send]\ntimeout = 30\n",
        "[tasks.send]\nqueue = \n",
    ],
)
def test_what_is_in_doubt_is_left_alone(text: str, mend: Mend, tmp_path: Path) -> None:
    assert mend(HEAD + text) == (HEAD + text, [])
    with pytest.raises(InvalidConfig):
        load(tmp_path / "conductor.toml")


@pytest.mark.parametrize("name", CASES)
def test_mending_never_makes_it_worse(
    name: str, mend: Mend, problems: Callable[..., tuple[Diagnostic, ...]], tmp_path: Path
) -> None:
    case = CASES[name]
    before = problems(case.toml, files=case.files)
    text, fixed = mend(case.toml, files=case.files)
    with suppress(InvalidConfig):
        load(tmp_path / "conductor.toml", relative_to=tmp_path)
        return
    after = problems(text, files=case.files)
    assert len(after) <= len(before)
    assert fixed or after == before


def test_two_near_words_are_no_suggestion_to_rely_on() -> None:
    known = ("fetch_batch_size", "flush_batch_size")
    assert (found := closest("batch_size", known)) is not None
    assert not found.sure
    assert (found := closest("fetch_batch_sise", known)) is not None
    assert found.sure
