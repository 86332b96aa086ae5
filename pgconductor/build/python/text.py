"""Any text as Python source that means exactly that text, and that `ruff format` leaves as it is."""

from __future__ import annotations

import math
import re
import unicodedata
from itertools import zip_longest
from typing import Any

from pgconductor.build.python.layout import Group, Source

_QUOTES = re.compile(r'^"+|"+$|""+')
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}
# One Unicode version for every Python: what is printable must not depend on who generates.
_UNICODE = unicodedata.ucd_3_2_0


def string(text: str) -> str:
    """A string literal. Quotes as ruff would choose them: the kind that needs fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join("\\" + char if char == quote else _escape(char) for char in text) + quote


def literal(value: Any) -> Source:
    """A JSON value as Python source."""
    match value:
        case str():
            return string(value)
        case bytes():
            return "b" + string(value.decode("latin-1")) if value.isascii() else _bytes(value)
        case list():
            return Group("[", tuple(literal(item) for item in value), "]") if value else "[]"
        case dict():
            pairs = tuple((string(key) + ": ", literal(item)) for key, item in value.items())
            return Group("{", pairs, "}") if pairs else "{}"
        case float():
            assert math.isfinite(value)
            return repr(value).replace("e+", "e")
        case _:
            return repr(value)


def docstring(text: str | None, fallback: str, indent: int) -> str:
    """A docstring that says what `text` says once it is cleaned, or the fallback if there is nothing in it.

    Args:
        indent: of the lines after the first, in spaces.
    """
    first, *rest = [_doc_line(line) for line in cleaned(text or "") or [fallback]]
    margin = " " * indent
    if not rest:
        return f'"""{first}"""'
    return "\n".join([f'"""{first}', *(margin + line if line else "" for line in rest), f'{margin}"""'])


def cleaned(text: str) -> list[str]:
    """The lines of a text as those of a docstring: neither a margin, nor empty ones around them."""
    lines = [line.rstrip() for line in text.expandtabs().split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    margin = min((len(line) - len(line.lstrip()) for line in lines[1:] if line), default=0)
    return [lines[0].lstrip(), *(line[margin:] for line in lines[1:])] if lines else []


def _doc_line(line: str) -> str:
    """One line of a docstring: quotes are escaped where they could end it, or where ruff would put a space."""
    plain = [_escaped(part) for part in _QUOTES.split(line)]
    quotes = ["\\x22" * len(found) for found in _QUOTES.findall(line)]
    return "".join(part for pair in zip_longest(plain, quotes, fillvalue="") for part in pair)


def _escaped(text: str) -> str:
    return "".join(map(_escape, text))


def _escape(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if " " <= char <= "~" or (ord(char) > 0xA0 and _UNICODE.category(char)[0] in "LNPS"):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _bytes(value: bytes) -> str:
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
