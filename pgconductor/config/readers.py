"""Readers of single values: each takes a node and gives the value, or reports and raises Bad."""

from __future__ import annotations

from typing import Any

from pgconductor.config import codes
from pgconductor.config.node import Bad, Node
from pgconductor.config.reader import JsonSchema, Reader, one_of, takes, text_like
from pgconductor.config.scope import Names
from pgconductor.config.suggestion import did_you_mean, listed
from pgconductor.duration import LONGEST, format_duration, parse_duration


@takes({"type": "string", "minLength": 1})
def text(node: Node) -> str:
    """Any text that is not empty."""
    if not isinstance(node.value, str):
        raise node.wrong_type("a string")
    if not node.value:
        raise node.report(codes.RANGE, f"`{node.label}` is empty", "leave the key out, or give it a text")
    return node.value


@takes({"type": "boolean"})
def boolean(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise node.wrong_type("`true` or `false`")
    return node.value


def integer(least: int, most: int) -> Reader[int]:
    """Whole numbers from `least` to `most`."""

    @takes({"type": "integer", "minimum": least, "maximum": most})
    def read(node: Node) -> int:
        if not isinstance(node.value, int) or isinstance(node.value, bool):
            refuse_placeholder(node)
            raise node.wrong_type("an integer")
        if not least <= node.value <= most:
            raise _out_of_range(node, least, most)
        return node.value

    return read


def number(least: float, most: float) -> Reader[float]:
    """Numbers from `least` to `most`, whole or not."""

    @takes({"type": "number", "minimum": least, "maximum": most})
    def read(node: Node) -> float:
        if not isinstance(node.value, int | float) or isinstance(node.value, bool):
            raise node.wrong_type("a number")
        # Written so that nan is refused as well.
        if not least <= node.value <= most:
            raise _out_of_range(node, least, most)
        return float(node.value)

    return read


def choice(*words: str) -> Reader[str]:
    """One of a few words."""

    @takes(one_of(words))
    def read(node: Node) -> str:
        if not isinstance(node.value, str):
            raise node.wrong_type(f"one of {listed(words)}")
        if node.value not in words:
            refuse_placeholder(node)
            message = f"`{node.value}` is not a choice for `{node.label}`"
            raise node.report(codes.CHOICE, message, did_you_mean(node.value, words, f"one of {listed(words)}"))
        return node.value

    return read


def duration(least: int = 0, most: int = LONGEST, *, forever: bool = False) -> Reader[int | None]:
    """Milliseconds of a duration from `least` to `most`; None for `"forever"` where that is known."""

    @takes(duration_schema(forever=forever))
    def read(node: Node) -> int | None:
        value = node.value
        if value == "forever":
            if not forever:
                raise node.report(
                    codes.DURATION, f"`{node.label}` cannot be `forever`", 'give a duration such as "30s"'
                )
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            message = f"`{node.label}` is a duration and needs a unit"
            raise node.report(codes.DURATION, message, _with_unit(value))
        milliseconds = _milliseconds(node)
        if not least <= milliseconds <= most:
            bounds = f"at least {format_duration(least)}"
            if most < LONGEST:
                bounds += f" and at most {format_duration(most)}"
            raise node.report(codes.RANGE, f"`{node.label}` must be {bounds}, not {value}")
        return milliseconds

    return read


def duration_schema(*, forever: bool = False) -> JsonSchema:
    """Texts that are durations, as far as a pattern can tell."""
    pattern = "(?:[0-9]+(?:ms|[smhdw]))+"
    return text_like(f"forever|{pattern}", "30s", "7d", "forever") if forever else text_like(pattern, "250ms", "30s")


def _milliseconds(node: Node) -> int:
    if not isinstance(node.value, str):
        raise node.wrong_type('a duration such as "30s"')
    refuse_placeholder(node)
    if len(node.value) > 40:
        raise node.report(codes.DURATION, f"`{node.label}` is not a duration", "units are ms, s, m, h, d and w")
    try:
        return parse_duration(node.value)
    except ValueError as error:
        what, _, hint = str(error).partition("; ")
        what = what.replace(f'"{node.value}"', f"`{node.value}`", 1)
        raise node.report(codes.DURATION, what, hint or "units are ms, s, m, h, d and w") from None


def refuse_placeholder(node: Node) -> None:
    """Say what to do instead where only a text could be expanded.

    Raises:
        Bad: the value is a text with a placeholder.
    """
    if isinstance(node.value, str) and "${" in node.value:
        help = "it is fixed by the file; `[env.<name>]` changes it per environment"
        raise node.report(codes.PLACEHOLDER_HERE, f"no placeholder can stand in `{node.label}`", help)


def array(item: Reader[Any], *, least: int = 0, unique: bool = True) -> Reader[tuple[Any, ...]]:
    """A list of at least so many items, none of them there twice. One bad item does not hide another."""

    def schema(names: Names) -> JsonSchema:
        return {"type": "array", "items": item.schema(names), "minItems": least, "uniqueItems": unique}

    @takes(schema)
    def read(node: Node) -> tuple[Any, ...]:
        if not isinstance(node.value, list):
            raise node.wrong_type("an array", f"write [{_quoted(node.value)}]" if _is_plain(node.value) else None)
        if len(node.value) < least:
            raise node.report(codes.RANGE, f"`{node.label}` is empty", "leave the key out, or list something")
        values: list[Any] = []
        failed: Bad | None = None
        for child in node.elements():
            try:
                value = item(child)
                if unique and value in values:
                    raise child.report(codes.RANGE, f"`{child.value}` is listed twice")
                values.append(value)
            except Bad as bad:
                failed = bad
        if failed:
            raise failed
        return tuple(values)

    return read


def _with_unit(value: float) -> str:
    if isinstance(value, int) and 0 <= value < 10**9:
        return f'write "{value}s" for seconds or "{value}ms" for milliseconds'
    return 'write for example "30s" or "250ms"'


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _out_of_range(node: Node, least: float, most: float) -> Bad:
    message = f"`{node.label}` must be from {least:,} to {most:,}, not {_short(node.value)}"
    return node.report(codes.RANGE, message)


def _short(value: float) -> str:
    """A number as a message can bear it: TOML allows integers of any length."""
    if isinstance(value, int) and abs(value) > 10**18:
        return "a number of more than 18 digits"
    return str(value)
