"""One file as a document, or the reason why it is none."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pgconductor.config import codes
from pgconductor.config.diagnostic import Diagnostic, Place
from pgconductor.config.files import Unreadable
from pgconductor.config.node import Bad, Node
from pgconductor.config.scope import Scope
from pgconductor.config.source import Source

_AT = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<col>\d+)|end of document)\)$")
# tomllib's words for the mistakes that people make, and ours.
_PHRASES = (
    (r"Invalid value$", "a value is missing, or a text has no quotes", 'texts are quoted: name = "shop"'),
    (r"Cannot overwrite a value$", "this key has a value already", "each key is given once in its table"),
    (r"Cannot declare .* twice$", "this table is declared twice", "put all its keys below one header"),
    (r"Cannot mutate immutable namespace", "this table is closed already", "an inline table is written in one go"),
    (r"Expected '=' after a key", "`=` is missing after the key", "write `key = value`"),
    (r"Expected newline or end of document", "more on this line than one value", "is a quote or a comma missing?"),
    (r"Expected ['\"]+$|Unterminated|Illegal character '\\n'", "a quote is never closed", None),
    (r"Expected ']'", "a bracket is never closed", None),
    (r"Unclosed inline table", "an inline table must end on its line", "keep it on one line, or write a [table]"),
    (r"Unclosed array", "a comma is missing, or a bracket is never closed", None),
    (r"Invalid initial character for a key part", "a key is missing, or a bracket is never closed", None),
    (r"Unescaped '\\' in a string", "a backslash that begins no escape", "double it, or use 'single quotes'"),
    (r"Invalid statement$", "neither a key nor a table", "write `key = value`, or a header such as [queues.mails]"),
)


def parse(path: Path, scope: Scope) -> Node:
    """The document in a file.

    Raises:
        Bad: it cannot be read or is not TOML, which has been reported.
    """
    name = scope.files.name(path)
    try:
        text = scope.files.read(path)
        source = Source.parse(name, text, path.parent)
    except Unreadable as error:
        scope.diagnostics.append(error.diagnostic)
        raise Bad from None
    except RecursionError:
        scope.diagnostics.append(Diagnostic(codes.SYNTAX.code, "arrays or tables nest too deeply", Place(name)))
        raise Bad from None
    except ValueError as error:
        scope.diagnostics.append(_syntax(name, text.replace("\r\n", "\n"), error))
        raise Bad from None
    return Node(source.values, (), source, scope)


def _syntax(name: str, text: str, error: ValueError) -> Diagnostic:
    if not isinstance(error, tomllib.TOMLDecodeError):
        return Diagnostic(codes.SYNTAX.code, "a number has too many digits", Place(name))
    lines = text.split("\n")
    match = _AT.search(str(error))
    said = str(error)[: match.start()] if match else str(error)
    message, help = _reworded(said)
    if match and match["line"]:
        line, col = int(match["line"]), int(match["col"])
    else:
        # The end of the document: point behind the last thing that stands there.
        line = max((n for n, content in enumerate(lines, 1) if content.strip()), default=1)
        col = len(lines[line - 1].rstrip()) + 1
        if said == "Invalid value":
            message, help = "the file ends where a value is expected", "is a bracket never closed?"
    content = lines[line - 1]
    start, end = _stretch(said, content, col)
    return Diagnostic(codes.SYNTAX.code, message, Place.in_line(name, line, start, end, content), help)


def _stretch(said: str, line: str, col: int) -> tuple[int, int]:
    """The columns to underline: tomllib points behind a key or table that is there twice, and behind an escape."""
    if said.startswith("Cannot ") and col > 1:
        return len(line) - len(line.lstrip()) + 1, len(line.rstrip()) + 1
    if said.startswith("Unescaped") and col > 2:
        return col - 2, col
    return col, col + 1


def _reworded(said: str) -> tuple[str, str | None]:
    for pattern, message, help in _PHRASES:
        if re.match(pattern, said):
            return message, help
    return said[:1].lower() + said[1:], None
