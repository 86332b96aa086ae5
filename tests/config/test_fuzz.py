"""Whatever a file holds, loading gives a Config or InvalidConfig, and nothing else."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgconductor.config import Config, InvalidConfig, load, render
from pgconductor.config.codes import CODES
from tests.config.cases import CASES

DATA = Path(__file__).parent / "data"
VALID = (DATA / "kitchen_sink.toml").read_text()
LINES = VALID.splitlines()
# What can be put in the place of a value, and what can be put anywhere.
VALUES = [
    *("1", "-1", "0", "1.5", "nan", "inf", "true", '""', '"x"', "'x'", "[]", "[1]", '["x"]', "[[]]", "{}", "{ a = 1 }"),
    *("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", '"forever"', '"1s"', '"module:name"', '"a.json"', '"int"'),
    *('"${X}"', '"$"', '"{x}"', '"payload.x"', '"\\u0000"', '"\\n"', '"é🎉"', '"int(ge="', '"list["', '"@daily"'),
]
PIECES = [
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    '"""',
    "=",
    ",",
    ".",
    "#",
    "\\",
    "\n",
    "\r\n",
    "\r",
    "\x00",
    "\ufeff",
    "é",
    "🎉",
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for file in ("more/b.toml", "schemas/row.json"):
            (root / file).parent.mkdir()
            (root / file).write_bytes((DATA / file).read_bytes())
        yield root


def outcome(folder: Path, data: bytes) -> Config | InvalidConfig:
    """Load it, and show what was wrong in every form."""
    path = folder / "conductor.toml"
    path.write_bytes(data)
    try:
        return load(path, relative_to=folder)
    except InvalidConfig as error:
        invalid = error
    assert invalid.diagnostics
    assert all(item.code in CODES for item in invalid.diagnostics)
    for format in ("text", "json", "github"):
        shown = render(invalid.diagnostics, format)  # type: ignore[arg-type]
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", shown)
    return invalid


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """The kitchen sink with a few lines changed as people, editors and merges change them."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 6)):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
            case 2:
                lines[at] = re.sub(r"=.*", lambda _: f"= {draw(st.sampled_from(VALUES))}", lines[at], count=1)
            case 3:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + draw(st.sampled_from(PIECES)) + lines[at][cut:]
            case 4:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + lines[at][cut + 1 :]
            case 5:
                words = re.findall(r"\w+", lines[at])
                if words:
                    lines[at] = lines[at].replace(
                        words[0], draw(st.sampled_from([*words, "x", "payload", "triggers"])), 1
                    )
            case _:
                values = re.findall(r'"[^"]*"|\d+', lines[at])
                if values:
                    value = draw(st.sampled_from(values))
                    lines[at] = lines[at].replace(value, draw(st.sampled_from(VALUES)), 1)
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines).encode("utf-8", "surrogatepass")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(mutated())
def test_a_changed_file_loads_or_is_invalid(folder: Path, data: bytes) -> None:
    outcome(folder, data)


SECTIONS = ["conductor", "database", "generate", "defaults", "queues", "types", "events", "tasks", "moved", "removed"]
SECTIONS += ["env", "dev"]
KEYS = sorted(set(re.findall(r"[a-z_]{2,}", VALID)) | {"x", "Plan", "order.paid"})
trees = st.recursive(
    st.sampled_from(
        [1, -1, True, 1.5, "x", "int", "1s", "module:name", "", "order.paid", "payload.to = 'x'", "{to}", "a.json"]
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {as_toml(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(SECTIONS), trees, max_size=6))
def test_tables_of_any_shape_load_or_are_invalid(folder: Path, tables: dict[str, Any]) -> None:
    text = "".join(f"{name} = {as_toml(table)}\n" for name, table in tables.items() if name != "conductor")
    outcome(folder, f'{text}[conductor]\nformat = 1\nname = "shop"\n'.encode())


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_of_any_kind_load_or_are_invalid(folder: Path, data: bytes) -> None:
    assert isinstance(outcome(folder, data), InvalidConfig)


def test_every_prefix_of_a_file_loads_or_is_invalid(folder: Path) -> None:
    """An editor saves at any moment."""
    for end in range(0, len(VALID), 7):
        outcome(folder, VALID[:end].encode())


def test_two_mistakes_in_two_tables_are_both_told(folder: Path) -> None:
    """What one mistake hides, a second run would show: nobody should have to fix one to learn of another."""
    alone = {
        name: case
        for name, case in CASES.items()
        if not case.whole
        and not case.files
        and case.codes[0] not in ("CFG001", "CFG003")
        and "[tasks.send" in case.text
    }
    other = "[queues.other]\nnobody_knows = 1\n"
    for name, case in alone.items():
        found = outcome(folder, (case.toml + other).encode())
        assert isinstance(found, InvalidConfig)
        assert sorted(item.code for item in found.diagnostics) == sorted([*case.codes, "CFG101"]), name
