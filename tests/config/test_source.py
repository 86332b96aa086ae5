"""Positions: tomllib is the oracle of what stands where."""

from __future__ import annotations

import json
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgconductor.config.source import KeyPath, Source, scan

NASTY = '''\
# comment = "no" [no]
title = "a # b \\" c"   # comment
"quoted key" = 'C:\\path'
'literal.key'="x"
a.b . "c d" = 1
site."google.com" = true

multi = """
first "" line
ends with two quotes"""""
literal = \'\'\'
\'it\'\'s\'\'\'\'\'
folded = """\\
   one \\
   line"""
empty = ""
empty_literal = ''
unicode = "é \\u00e9 🎉"

numbers = [ 1, 2.5e3 , 0x1F, # inside
  -inf, 1_000,
]
nested = [[1, [2]], ["a", "]"], []]
inline = { x = 1, y.z = "}", w = [ { q = 2 } ] , "k k" = {} }
date = 1979-05-27T07:32:00Z
local = 07:32:00

[ table . "sub table" ]   # trailing
key = 1
[table.other]
[[list]]
name = "first"
[list.inner]
x = 1
[[list.many]]
[[list]]
name = "second"
[[list.many]]
deep = { e = [{ f = 1 }] }
[[list.many]]
'''


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def at(values: Any, path: KeyPath) -> Any:
    for key in path:
        values = values[key]
    return values


def agrees_with_tomllib(text: str) -> int:
    """Check every span of a document against its values; how many had one."""
    text = text.replace("\r\n", "\n")
    values = tomllib.loads(text)
    spans = scan(text)
    assert set(spans) == set(paths(values))
    valued = [(path, span.value) for path, span in spans.items() if span.value]
    for path, value in valued:
        raw = text[slice(*value)]
        assert repr(tomllib.loads(f"x = {raw}")["x"]) == repr(at(values, path)), path
    for path, span in spans.items():
        if isinstance(path[-1], str):
            assert next(iter(tomllib.loads(f"{text[slice(*span.key)]} = 0"))) == path[-1]
    return len(valued)


def test_every_span_of_a_nasty_document() -> None:
    assert agrees_with_tomllib(NASTY) == 43


def test_every_span_with_windows_line_ends() -> None:
    assert agrees_with_tomllib(NASTY.replace("\n", "\r\n")) == 43


def test_every_span_of_toml_files_at_hand() -> None:
    here = Path(__file__).parents[2]
    folder = Path(sysconfig.get_paths()["stdlib"]) / "test" / "test_tomllib" / "data" / "valid"
    files = [here / "pyproject.toml", *Path(__file__).parent.glob("data/*.toml"), *sorted(folder.rglob("*.toml"))]
    assert sum(agrees_with_tomllib(file.read_bytes().decode()) for file in files) > 100


keys = st.text(min_size=1, max_size=8) | st.sampled_from(["a", "b", "a-b", "1"])
scalars = (
    st.text(max_size=10) | st.integers(-(2**62), 2**62) | st.booleans() | st.floats(allow_nan=False) | st.datetimes()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


def quoted(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for DEL, surrogates, and characters beyond 16 bits."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def written(value: Any, draw: st.DrawFn) -> str:
    """A value in one of the spellings it can have."""
    blank = draw(st.sampled_from(["", " ", "\t"]))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        if draw(st.booleans()) and not set(value) & set("'\n\r\\") and value.isprintable():
            return f"'{value}'"
        return quoted(value) if draw(st.booleans()) else f'"""\n{quoted(value)[1:-1]}"""'
    if isinstance(value, list):
        line = draw(st.sampled_from(["", "\n  ", " # ] note\n"]))
        return f"[{blank}{line}" + f"{blank},{line}".join(written(item, draw) for item in value) + f"{line}]"
    if isinstance(value, dict):
        pairs = [f"{quoted(key)}{blank}={blank}{written(item, draw)}" for key, item in value.items()]
        return f"{{{blank}{f'{blank},{blank}'.join(pairs)}{blank}}}"
    return str(value).replace("e+", "e") if isinstance(value, float) else str(value)


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines = [f"{quoted(key)} = {written(value, draw)}" for key, value in draw(st.dictionaries(keys, values)).items()]
    for name in draw(st.lists(keys, unique=True, max_size=3)):
        table = draw(st.dictionaries(keys, values, max_size=3))
        lines += [f"[ table_{len(lines)} . {quoted(name)} ]  # note"]
        lines += [f"{quoted(key)}={written(value, draw)}" for key, value in table.items()]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


@given(documents())
def test_every_span_of_any_document(text: str) -> None:
    agrees_with_tomllib(text)


def place(text: str, path: KeyPath, part: tuple[int, int] | None = None) -> str:
    """What is underlined."""
    source = Source.parse("x.toml", text, Path())
    found = source.find(path, "value", part)
    assert found is not None
    return source.lines[found.line - 1][found.col - 1 : found.end - 1]


@pytest.mark.parametrize(
    ("text", "part", "underlined"),
    [
        ('x = "list[strr]"', (5, 9), "strr"),
        ("x = 'list[strr]'", (5, 9), "strr"),
        ('x = """list[strr]"""', (5, 9), "strr"),
        ('x = """\nlist[strr]"""', (5, 9), "strr"),
        ('x = """\r\nlist[\r\nstrr]"""', (6, 10), "strr"),
        ("x = '''\nlist[strr]'''", (5, 9), "strr"),
        ('x = "é🎉 strr"', (3, 7), "strr"),
        ('x = "a\\tb strr"', (4, 8), '"a\\tb strr"'),
        ('x = "\\u0061 strr"', (2, 6), '"\\u0061 strr"'),
        ('x = """\\\n  strr"""', (0, 4), '"""\\'),
    ],
)
def test_a_part_of_a_string_unless_escapes_are_in_the_way(text: str, part: tuple[int, int], underlined: str) -> None:
    assert place(text, ("x",), part) == underlined


def test_what_is_absent_is_found_at_the_table_around_it() -> None:
    text = "[a.b]\nc = { d = 1 }"
    assert place(text, ("a", "b", "zzz")) == "b"
    assert place(text, ("a", "b", "c", "zzz", 1)) == "c"
    assert Source.parse("x.toml", text, Path()).find(("zzz",)) is None


def test_a_value_over_several_lines_is_underlined_on_its_first() -> None:
    assert place('x = """one\ntwo"""', ("x",)) == '"""one'
    assert place("x = [\n1,\n2]", ("x",)) == "["


def test_a_carriage_return_of_its_own_is_not_toml() -> None:
    for text in ("x = 1\r", "x = 1\r\r\ny = 2", "x = [\r\r\n1]"):
        with pytest.raises(tomllib.TOMLDecodeError):
            Source.parse("x.toml", text, Path())


def test_only_line_feeds_end_a_line() -> None:
    source = Source.parse("x.toml", "# a\u2028b\u0085c\x0c\n".replace("\x0c", "") + "x = 1", Path())
    found = source.find(("x",))
    assert found is not None
    assert (found.line, found.col) == (2, 5)
