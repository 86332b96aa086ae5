"""`${VAR}` in the texts of `[database]` and `[dev]`: the grammar, for those who check and those who expand.

${VAR}            the variable, which must be set
${VAR:-text}      the variable, or the text if it is unset or empty
${VAR:?message}   the variable, which must be set and not empty; the message says why
$$                one dollar sign
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

Mode: TypeAlias = Literal[":-", ":?"]

_TOKEN = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<mode>:-|:\?)(?P<text>[^{}]*))?\}|\$|[^$]+")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One `${...}`.

    Attributes:
        mode: what to do without a value; None for plain `${VAR}`.
        text: the default, or the message.
    """

    name: str
    mode: Mode | None
    text: str


class PlaceholderError(ValueError):
    """A dollar sign that is neither a placeholder nor doubled.

    Attributes:
        start: where, in characters of the text.
        end: where the suspicious stretch ends.
    """

    def __init__(self, start: int, end: int) -> None:
        # Without the text: it may be a part of a password.
        super().__init__("a dollar sign that begins no placeholder")
        self.start = start
        self.end = end


def parse(text: str) -> Iterator[str | Placeholder]:
    """The pieces of a text: literal stretches and placeholders.

    Raises:
        PlaceholderError: a `$` begins something else; a dollar sign of its own is written `$$`.

    >>> list(parse("postgres://${HOST:-localhost}/a$$b"))
    ['postgres://', Placeholder(name='HOST', mode=':-', text='localhost'), '/a', '$', 'b']
    """
    for token in _TOKEN.finditer(text):
        found = token[0]
        if found == "$":
            raise _error(text, token.start())
        if token["name"]:
            yield Placeholder(token["name"], cast("Mode | None", token["mode"]), token["text"] or "")
        else:
            yield "$" if found == "$$" else found


def _error(text: str, start: int) -> PlaceholderError:
    suspicious = re.compile(r"\$(?:\{[^}]*\}?|\w*)").match(text, start)
    end = suspicious.end() if suspicious else start + 1
    return PlaceholderError(start, end)
