"""How problems are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pgconductor.config import Diagnostic, InvalidConfig, Place, Related, load, render
from pgconductor.errors import ConfigError
from tests.config.cases import HEAD
from tests.config.conftest import Write

Problems = Callable[..., tuple[Diagnostic, ...]]

MANY = (
    HEAD
    + """\
[queues.mailers]
worker_concurency = 8

[types.Plan]
enum = ["free", "free"]

[tasks.send_email]
queue = "mailer"
retention = { completed = "7 days" }
timeout = 30
windows = ["sat-sun", "mon 9-17", "tue 25:00-26:00"]

[tasks.send_email.payload]
to = "str(min_len=3)"
cc = "list[strr]"
plan = "Plan"

[tasks.report]
handler = "shop.report.run"
triggers.nightly = { cron = "0 9 * * mon-fry", jiter = "1s" }

[dev]
port = 99999
"""
)


def test_all_problems_at_once_in_the_order_of_their_places(problems: Problems, snapshot: SnapshotAssertion) -> None:
    found = problems(MANY)
    places = [(item.place.line, item.place.col) for item in found]
    assert places == sorted(places)
    assert render(found, "text") == snapshot


def test_json(problems: Problems, snapshot: SnapshotAssertion) -> None:
    found = problems(HEAD + '[types.OrderPaid]\nid = "int"\n[events."order.paid"]\n[queues.mail]\nx = 1\n')
    text = render(found, "json")
    assert [item["code"] for item in json.loads(text)] == ["CFG503", "CFG101"]
    assert text == snapshot


def test_github_commands(problems: Problems, snapshot: SnapshotAssertion) -> None:
    found = problems(HEAD + '[types.OrderPaid]\nid = "int"\n[events."order.paid"]\n[queues."a,b:c%d"]\n')
    assert render(found, "github") == snapshot


def test_github_properties_cannot_be_broken_out_of() -> None:
    hostile = Diagnostic("CFG101", "a%b\r\n::warning::x", Place("a,b:c\n::x", 1, 2, 3, "line"))
    text = render([hostile], "github")
    assert text.count("\n") == 1
    assert text.startswith("::error file=a%2Cb%3Ac%0A%3A%3Ax,line=1,col=2,endColumn=3,title=CFG101::a%25b")


def test_colors_only_when_asked_for(problems: Problems) -> None:
    found = problems(HEAD + "[queues.mail]\nx = 1\n")
    plain, colored = render(found, "text"), render(found, "text", color=True)
    assert "\033[" not in plain
    assert "\033[1;31m" in colored
    for code in ("\033[1m", "\033[1;31m", "\033[1;34m", "\033[0m"):
        colored = colored.replace(code, "")
    assert colored == plain


def caret_under(text: str) -> str:
    """What the caret of a picture stands below, by terminal columns; tabs to a stop of 8."""
    line, below = (row.split("| ", 1)[1].expandtabs(8) for row in text.splitlines()[3:5])
    columns = "".join(char * (2 if char in "日本語🎉" else 0 if char == "\u0301" else 1) for char in line)
    return "".join(char for char, mark in zip(columns, below, strict=False) if mark == "^")


@pytest.mark.parametrize(
    "lines",
    [
        "retry = { bad = 1 }",
        "\tretry = {\tbad = 1 }",
        "retry = { jitter = 0, bad = 1 } # é",
        'description = "日本語"\nretry = { bad = 1 }',
        'payload = { a = { type = "str", description = "日本語🎉", bad = 1 } }',
        'payload = { a = { type = "str", description = "e\u0301", bad = 1 } }',
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_caret_lands_below_the_word(lines: str, ends: str, problems: Problems) -> None:
    (found,) = problems((HEAD + f"[tasks.send]\n{lines}\n").replace("\n", ends))
    last = lines.splitlines()[-1]
    assert found.place.text == last
    assert found.place.col == last.index("bad") + 1
    assert caret_under(str(found)) == "bad"


def test_a_wide_word_has_a_wide_caret(problems: Problems) -> None:
    (found,) = problems(HEAD + '[tasks.send]\n"日本" = 1\n')
    assert (found.place.col, found.place.end) == (1, 5)
    assert str(found).splitlines()[4].endswith("| ^^^^^^")


def test_long_lines_are_cut_around_the_caret(problems: Problems) -> None:
    long = ", ".join(f"f{n} = 'int'" for n in range(2_000))
    (found,) = problems(HEAD + f"[tasks.send]\npayload = {{ {long}, bad = 'strr', {long.replace('f', 'g')} }}\n")
    rows = str(found).splitlines()
    assert max(map(len, rows)) < 200
    assert caret_under(str(found)) == "strr"


def test_control_characters_never_reach_the_terminal(problems: Problems) -> None:
    (found,) = problems(HEAD + "[queues.mail\x1b[2J\x9b]\n")
    assert "\x1b" not in str(found)
    (found,) = problems(HEAD + '[queues."a\\nb\\u001b[2J"]\n')
    assert "\x1b" not in str(found)
    assert len(str(found).splitlines()) == 6


@pytest.mark.parametrize(
    "line",
    [
        'url = "mysql://shop:s3cret@db/shop"',
        'url = "postgresql://shop:s3cret@db/shop?a=$x"',
        "listen_url = 'host=db password=s3cret dbname=$x'",
        'url = "postgresql://shop:s3cret@db/shop" bad',
        'pool = { url = "postgresql://shop:s3cret@db/shop" }',
    ],
)
@pytest.mark.parametrize("format", ["text", "json", "github"])
def test_passwords_are_masked(line: str, format: str, problems: Problems) -> None:
    found = problems(HEAD + f"[database]\n{line}\n")
    assert "s3cret" not in render(found, format)  # type: ignore[arg-type]
    assert all("s3cret" not in item.place.text for item in found)


def test_the_exception_is_a_config_error_that_reads_as_the_diagnostics(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(HEAD + "[queues.mail]\nx = 1\ny = 2\n"), relative_to=tmp_path)
    error = caught.value
    assert isinstance(error, InvalidConfig)
    assert error.exit_code == 3
    assert str(error) + "\n" == render(error.diagnostics, "text")
    assert len(error.diagnostics) == 2


def test_the_margin_fits_the_longest_line_number() -> None:
    first = Related(Place("b.toml", 7, 1, 2, "x"), "first")
    text = str(Diagnostic("CFG701", "twice", Place("a.toml", 1234, 1, 2, "x"), related=first))
    assert [row.index("|") for row in text.splitlines() if "|" in row] == [5] * 6
