"""The code of a page: what it shows, and what it keeps in comments for the test.

    ```toml                      a part of conductor.toml: its tables replace those of the same name
    ```toml title="a/b.toml"     a file
    ```python title="a/b.py"     a file
    ```python                    a script, in which `await` may stand anywhere
    ```console                   commands after `$ `, each with what it prints
    ```sql                       statements

What only the test needs stands in a comment that begins with the same words, `<!-- python` to `-->`; a script in a
comment is the beginning of the next one. A block that cannot be run has a comment above it, `<!-- not run: why -->`;
one that is a piece of a file of this repository says of which, `<!-- from: examples/shop/handlers.py -->`.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

_BLOCK = re.compile(
    r"""
    (?:^<!--\ (?P<mark>not\ run|from):\ (?P<said>[^\n]+?)\ -->\n+)?
    ^(?P<indent>\ *)(?:```(?P<language>[a-z]+)|<!--\ (?P<hidden>python|toml|console|sql))
    (?:\ title="(?P<title>[^"\n]+)")?\n
    (?P<text>.*?)
    ^\ *(?(language)```|-->)$
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_FENCE = re.compile(r"^ *```", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A piece of code.

    Attributes:
        line: where it stands in its page.
        title: the path of the file that it is.
        hidden: only the test needs it.
        not_run: why it is not run.
        source: the file of this repository that it is a piece of.
    """

    line: int
    language: str
    text: str
    title: str | None = None
    hidden: bool = False
    not_run: str | None = None
    source: str | None = None


def pages() -> list[Path]:
    """Every page that shows something, but for those that are written from the code."""
    written = REPOSITORY / "docs" / "reference"
    found = [page for page in (REPOSITORY / "docs").rglob("*.md") if page.parent != written]
    return [REPOSITORY / "README.md", *sorted(found)]


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def blocks(page: Path) -> list[Block]:
    """The code of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [_block(match, text) for match in _BLOCK.finditer(text)]


def fences(page: Path) -> int:
    """How many fences there are, two for each block that is shown."""
    return len(_FENCE.findall(page.read_text(encoding="utf-8")))


def _block(match: re.Match[str], text: str) -> Block:
    marks = {match["mark"]: match["said"]}
    return Block(
        line=text.count("\n", 0, match.start("text")),
        language=match["language"] or match["hidden"],
        text=textwrap.dedent(match["text"]),
        title=match["title"],
        hidden=match["hidden"] is not None,
        not_run=marks.get("not run"),
        source=marks.get("from"),
    )
