"""A cursor over the tokens of a small language inside a TOML string."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pgconductor.config.codes import Code
from pgconductor.config.suggestion import Help


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: the name of its group in the language's pattern; `end` after the last one.
        start: where in the text, in characters.
        end: where it ends.
    """

    kind: str
    text: str
    start: int
    end: int


class ExpressionError(ValueError):
    """An expression cannot be read.

    Attributes:
        code: what kind of problem it is.
        start: where in the text, in characters.
        end: where the wrong stretch ends.
        help: what to write.
    """

    def __init__(self, code: Code, message: str, start: int, end: int, help: Help = None) -> None:
        super().__init__(message)
        self.code = code
        self.start = start
        self.end = end
        self.help = help


class Tokens:
    """Reads a text token by token.

    Args:
        pattern: one named group a kind; blanks between tokens are skipped.
        code: of errors in the syntax.
        help: of errors in the syntax, unless something better is known.
    """

    # Longer than anything a person writes; keeps the recursion of the parsers far from Python's limit.
    LONGEST = 2_000

    def __init__(self, text: str, pattern: re.Pattern[str], code: Code, help: str) -> None:
        self.text = text
        self.code = code
        self.help = help
        if len(text) > self.LONGEST:
            raise ExpressionError(code, f"longer than {self.LONGEST:,} characters", 0, len(text))
        self.tokens = self._split(pattern)
        self.index = 0

    def _split(self, pattern: re.Pattern[str]) -> list[Token]:
        tokens: list[Token] = []
        at = len(self.text) - len(self.text.lstrip())
        while at < len(self.text):
            match = pattern.match(self.text, at)
            if match is None or match.lastgroup is None:
                raise self._foreign(at)
            tokens.append(Token(match.lastgroup, match[0], match.start(), match.end()))
            at = match.end()
            at += len(self.text[at:]) - len(self.text[at:].lstrip())
        tokens.append(Token("end", "", len(self.text), len(self.text)))
        return tokens

    def _foreign(self, at: int) -> ExpressionError:
        character = self.text[at]
        if character in "'\"":
            return ExpressionError(self.code, "a quote is never closed", at, len(self.text), self.help)
        return ExpressionError(self.code, f"`{character}` has no place here", at, at + 1, self.help)

    @property
    def next(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        """The next token, which is then behind."""
        token = self.next
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def take_if(self, *texts: str) -> Token | None:
        """The next token if it reads so."""
        return self.take() if self.next.text in texts and self.next.kind != "end" else None

    def expect(self, text: str, opened: Token | None = None) -> Token:
        """The next token, which must read so.

        Args:
            opened: the bracket that `text` closes.
        """
        if self.next.text != text:
            if opened and self.next.kind == "end":
                message = f"`{opened.text}` is never closed"
                raise ExpressionError(self.code, message, opened.start, opened.end, self.help)
            raise self.unexpected(f"`{text}`")
        return self.take()

    def unexpected(self, wanted: str) -> ExpressionError:
        """The error of meeting another token than the wanted one."""
        token = self.next
        if token.kind == "end":
            end = len(self.text.rstrip())
            return ExpressionError(
                self.code, f"{wanted} is missing at the end", max(0, end - 1), max(1, end), self.help
            )
        return ExpressionError(self.code, f"expected {wanted}, found `{token.text}`", token.start, token.end, self.help)
