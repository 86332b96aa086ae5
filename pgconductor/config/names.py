"""Names: what each kind of thing may be called, and what the generated code will call it."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from pgconductor.config import codes
from pgconductor.config.node import Bad, Node
from pgconductor.config.suggestion import to_snake, with_article

# Methods and attributes of the generated client; a task's name becomes a method beside them.
CLIENT_NAMES = frozenset(
    {
        "aclose", "bind", "cancel", "cancel_all", "close", "connect", "emit", "execution", "executions", "from_plan",
        "from_pool", "get", "info", "invoke", "invoke_json", "link", "many", "open", "pause", "plan", "plan_path",
        "pool", "queues", "result", "resume", "retry", "retry_all", "schedule", "schedules", "schema", "start",
        "status", "stop", "tasks", "transaction", "unschedule", "url", "wait", "workers",
    }
)  # fmt: skip
# A task is a name of module `tasks` too, where `list` or `int` would hide the type.
RESERVED_TASK_NAMES = CLIENT_NAMES | {
    "annotations", "bool", "bytes", "classmethod", "dict", "float", "frozenset", "int", "list", "object", "property",
    "self", "set", "staticmethod", "str", "super", "tuple", "type",
}  # fmt: skip
# Attributes of pydantic's BaseModel that a field would hide.
RESERVED_FIELD_NAMES = frozenset(
    {
        "construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw", "schema",
        "schema_json", "update_forward_refs", "validate",
    }
)  # fmt: skip
# `Literal` is part of the type expressions.
RESERVED_TYPE_NAMES = frozenset({"Literal"})
# Their models would be called `None`, `True`, `False` and `Literal`; `annotations` is what module `events` imports.
RESERVED_EVENT_NAMES = frozenset({"none", "true", "false", "literal", "annotations"})

_SNAKE = "snake_case: a letter, then up to {} letters, digits and underscores, all lower case"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of thing may be called."""

    what: str
    pattern: re.Pattern[str]
    form: str
    proper: Callable[[str], str]  # the nearest proper name
    reserved: frozenset[str] = frozenset()
    longest: int | None = None  # in characters, where the pattern does not say so

    def fits(self, name: str) -> bool:
        """Whether the name is well-formed."""
        return bool(self.pattern.fullmatch(name)) and (self.longest is None or len(name) <= self.longest)

    def check(self, name: str, node: Node) -> None:
        """Report a name that is not allowed, at the key of its table or field.

        Raises:
            Bad: after the report.
        """
        if not self.fits(name):
            proper = self.proper(name)
            fits = self.fits(proper) and not self.refusal(proper)
            help = f"write `{proper}`" if fits else f"names of this kind are {self.form}"
            raise node.report(codes.NAME, f"`{name}` is not a name for {with_article(self.what)}", help, at="key")
        if reason := self.refusal(name):
            message = f"{with_article(self.what)} cannot be called `{name}`: {reason}"
            raise node.report(codes.RESERVED, message, "choose another name", at="key")

    def refusal(self, name: str) -> str | None:
        """Why a well-formed name is not free."""
        if keyword.iskeyword(name):
            return "it is a Python keyword"
        if name.startswith("model_"):
            return "pydantic keeps names that begin with `model_` for itself"
        if name in self.reserved:
            return "the generated code needs that name"
        return None


def pascal(name: str) -> str:
    """`send_email` and `send.email` as `SendEmail`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def _dotted(name: str) -> str:
    return ".".join(to_snake(part) for part in re.split(r"[./:]", name))


TASK = Rule("task", re.compile(r"[a-z][a-z0-9_]{0,47}"), _SNAKE.format(47), to_snake, RESERVED_TASK_NAMES)
TRIGGER = Rule("trigger", re.compile(r"[a-z][a-z0-9_]{0,47}"), _SNAKE.format(47), to_snake)
FIELD = Rule("field", re.compile(r"[a-z][a-z0-9_]{0,47}"), _SNAKE.format(47), to_snake, RESERVED_FIELD_NAMES)
QUEUE = Rule("queue", re.compile(r"[a-z][a-z0-9_]{0,30}"), _SNAKE.format(30), to_snake)
ENVIRONMENT = Rule(
    "environment",
    re.compile(r"[a-z][a-z0-9_-]{0,30}"),
    "lower case: a letter, then up to 30 letters, digits, - and _",
    to_snake,
)
TYPE = Rule(
    "type",
    re.compile(r"[A-Z][A-Za-z0-9]{0,47}"),
    "PascalCase: a capital letter, then up to 47 letters and digits",
    pascal,
    RESERVED_TYPE_NAMES,
)
EVENT = Rule(
    "event",
    re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*"),
    "dotted lower case such as `order.paid`, up to 63 characters",
    _dotted,
    RESERVED_EVENT_NAMES,
    longest=63,
)


def named(table: Node, rule: Rule) -> Iterator[tuple[str, Node]]:
    """The entries of a table of named things. A bad name is reported and its entry is still read."""
    for name, node in table.items():
        with suppress(Bad):
            rule.check(name, node)
        yield name, node


def payload_model(task: str) -> str:
    """The generated model of a task's payload."""
    return pascal(task) + "Payload"


def result_model(task: str) -> str:
    """The generated model of a task's result."""
    return pascal(task) + "Result"


def event_model(event: str) -> str:
    """The generated model of an event's payload. Events with one method of `emit` have one model too."""
    return pascal(event)


def event_attribute(event: str) -> str:
    """What an event is called in module `events`, and the method of `emit`."""
    return event.replace(".", "_")
