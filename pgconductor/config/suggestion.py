"""The nearest word to a misspelt one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; None if there is none near enough."""
    candidates = sorted(known)
    snake = to_snake(word)
    if snake in candidates:
        return snake
    # Both spellings: `workerConcurency` is near to nothing before it is snake_case.
    for spelling in (word, snake):
        if found := difflib.get_close_matches(spelling, candidates, n=1, cutoff=0.6):
            return found[0]
    return None


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str | None:
    """A help line for a misspelt word; what to say otherwise if nothing is near."""
    found = closest(word, known)
    return f"did you mean `{found}`?" if found else otherwise


def listed(words: Iterable[str]) -> str:
    """`a`, `b`, `c` in backquotes, for help lines."""
    return ", ".join(f"`{word}`" for word in words)


def with_article(noun: str) -> str:
    """`an event`, `a task`."""
    return f"{'an' if noun[:1] in 'aeio' or noun == 'hour' else 'a'} {noun}"


def to_snake(word: str) -> str:
    """`sendEmail`, `send-email` and `Send Email` as `send_email`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
