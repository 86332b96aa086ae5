"""The nearest word to a misspelt one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

# How alike a word must be to what was meant, of 1, and how much less alike every other, for nobody to ask a person.
ALIKE = 0.75
AHEAD = 0.1


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What was probably meant by a misspelt word.

    Attributes:
        sure: no other known word comes near: `check --fix` may write it.
    """

    word: str
    meant: str
    sure: bool

    def __str__(self) -> str:
        return f"did you mean `{self.meant}`?"


# The help of a problem: text, or the word that was meant.
Help: TypeAlias = "Suggestion | str | None"


def closest(word: str, known: Iterable[str]) -> Suggestion | None:
    """The known word that was probably meant; None if there is none near enough."""
    candidates = sorted(known)
    snake = to_snake(word)
    if snake in candidates:
        return Suggestion(word, snake, sure=True)
    # Both spellings: `workerConcurency` is near to nothing before it is snake_case.
    for spelling in (word, snake):
        if found := difflib.get_close_matches(spelling, candidates, n=2, cutoff=0.0):
            nearest, *others = (difflib.SequenceMatcher(None, match, spelling).ratio() for match in found)
            if nearest >= 0.6:
                sure = nearest >= ALIKE and all(other <= nearest - AHEAD for other in others)
                return Suggestion(word, found[0], sure)
    return None


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> Help:
    """The help for a misspelt word; what to say otherwise if nothing is near."""
    return closest(word, known) or otherwise


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
