"""References to Python code, `"package.module:name"`, by their shape alone: nothing is imported."""

from __future__ import annotations

import builtins
import keyword
import re

from pgconductor.config import codes, readers
from pgconductor.config.node import Node
from pgconductor.config.reader import either, one_of, takes, text_like
from pgconductor.config.suggestion import did_you_mean
from pgconductor.config.types import ModelRef

_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_REFERENCE = re.compile(rf"({_DOTTED}):([A-Za-z_]\w*)", re.ASCII)
_PACKAGE = re.compile(_DOTTED, re.ASCII)

EXECUTORS = ("async", "thread", "process")

# Without those that only some versions or platforms have: what compiles here must run there.
_EXCEPTIONS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and not name.startswith("_")
) - {"PythonFinalizationError", "WindowsError"}

_FUNCTION = text_like(_REFERENCE.pattern.replace(r"\w", "[A-Za-z0-9_]"), "shop.mail:send_email")
_CLASS = text_like(_REFERENCE.pattern.replace(r"\w", "[A-Za-z0-9_]"), "shop.models:Order")


@takes(_FUNCTION)
def function(node: Node) -> str:
    """`"module:function"`."""
    return ":".join(_split(node, "function"))


@takes(_CLASS)
def class_(node: Node) -> str:
    """`"module:Class"`."""
    return ":".join(_split(node, "Class"))


@takes(either(one_of(sorted(_EXCEPTIONS)), _CLASS))
def exception(node: Node) -> str:
    """The name of a builtin exception, or `"module:Class"`."""
    word = readers.text(node)
    if word in _EXCEPTIONS:
        return word
    if not re.fullmatch(r"\w+", word, re.ASCII):
        return ":".join(_split(node, "Class"))
    help = did_you_mean(word, _EXCEPTIONS, 'name one of your own or of a library as "module:Class"')
    raise node.report(codes.REFERENCE, f"`{word}` is no exception that Python has built in", help)


@takes(_CLASS)
def model(node: Node) -> ModelRef:
    """`"module:Class"` of a pydantic model."""
    return ModelRef(*_split(node, "Class"))


@takes(either(one_of(EXECUTORS), _FUNCTION))
def executor(node: Node) -> str:
    """One of the built-in executors, or `"module:factory"`."""
    word = readers.text(node)
    if word in EXECUTORS:
        return word
    if ":" not in word:
        help = did_you_mean(word, EXECUTORS, 'one of `async`, `thread`, `process`, or "module:factory"')
        raise node.report(codes.CHOICE, f"`{word}` is not a choice for `{node.label}`", help)
    return ":".join(_split(node, "factory"))


@takes(text_like(_DOTTED.replace(r"\w", "[A-Za-z0-9_]"), "shop.conductor"))
def package(node: Node) -> str:
    """A dotted package name."""
    name = readers.text(node)
    if not _PACKAGE.fullmatch(name) or _keywords(name):
        help = 'write a dotted name such as "shop.conductor"'
        raise node.report(codes.REFERENCE, f"`{name}` is not the name of a Python package", help)
    return name


def looks_like_one(value: object) -> bool:
    """Whether a text was meant as a reference: a type expression never holds a colon outside of quotes."""
    return isinstance(value, str) and bool(re.fullmatch(r"[\w./-]*:\w*", value))


def _split(node: Node, kind: str) -> tuple[str, str]:
    value = readers.text(node)
    match = _REFERENCE.fullmatch(value)
    if match is None:
        raise node.report(codes.REFERENCE, f"`{value}` is not a reference `module:{kind}`", _repair(value, kind))
    if word := _keywords(f"{match[1]}.{match[2]}"):
        raise node.report(codes.REFERENCE, f"`{value}` is not a reference: `{word}` is a Python keyword")
    return match[1], match[2]


def _repair(value: str, kind: str) -> str:
    """What was probably meant: the last dot for the colon, or a path for a module."""
    repaired = re.sub(r"\.py(?=:|$)", "", value).replace("/", ".")
    if ":" not in repaired:
        repaired = ":".join(repaired.rsplit(".", 1))
    if _REFERENCE.fullmatch(repaired):
        return f'did you mean "{repaired}"?'
    return f'write "package.module:{kind}"'


def _keywords(dotted: str) -> str | None:
    return next((part for part in dotted.split(".") if keyword.iskeyword(part)), None)
