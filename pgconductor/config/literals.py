"""Constants inside type expressions: strings, numbers, `True` and `False`, as Python spells them."""

from __future__ import annotations

import re

from pgconductor.config.codes import TYPE_SYNTAX
from pgconductor.config.tokens import ExpressionError, Token, Tokens

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_SIMPLE = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t", "r": "\r"}
# Python gives these another meaning than a regular expression would: nobody should have to wonder which.
_AMBIGUOUS = "abfvxuUN01234567"


def constant(tokens: Tokens) -> str | int | float | bool:
    """The constant that comes next.

    Raises:
        ExpressionError: something else comes next.
    """
    token = tokens.next
    if token.kind == "string":
        tokens.take()
        return _string(token)
    if token.kind == "number":
        tokens.take()
        return _number(token)
    if token.text in ("True", "False"):
        tokens.take()
        return token.text == "True"
    if token.kind == "name":
        message = f"expected a value, found `{token.text}`"
        raise ExpressionError(TYPE_SYNTAX, message, token.start, token.end, f"a text needs quotes: `'{token.text}'`")
    raise tokens.unexpected("a value")


def _string(token: Token) -> str:
    raw = token.text[0] in "rR"
    body = token.text[2:-1] if raw else token.text[1:-1]
    if raw:
        return body
    for escape in _ESCAPE.finditer(body):
        if escape[1] in _AMBIGUOUS:
            start = token.start + 1 + escape.start()
            help = f"a regular expression is best written raw: r{token.text}"
            raise ExpressionError(TYPE_SYNTAX, f"the escape `{escape[0]}` is ambiguous", start, start + 2, help)
    # Python keeps the backslash of an escape it does not know, `\d` for example.
    return _ESCAPE.sub(lambda escape: _SIMPLE.get(escape[1], escape[0]), body)


def _number(token: Token) -> int | float:
    text = token.text.replace("_", "")
    if len(text) > 40:
        raise ExpressionError(TYPE_SYNTAX, "a number of more than 40 characters", token.start, token.end)
    number = int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
    if number in (float("inf"), float("-inf")):
        raise ExpressionError(TYPE_SYNTAX, f"`{token.text}` is infinite", token.start, token.end)
    return number
