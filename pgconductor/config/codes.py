"""The catalogue of everything that can be wrong with a configuration.

CFG0xx syntax and format · 1xx keys · 2xx references · 3xx types · 4xx schedules, windows and zones · 5xx names and
limits · 6xx interpolation · 7xx includes. A code keeps its meaning for ever; retired ones are not given out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import cleandoc


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of problem: its code, a title, and what `pgconductor explain` prints below it."""

    code: str
    title: str
    explanation: str

    def __str__(self) -> str:
        return self.code


CODES: dict[str, Code] = {}


def _add(code: str, title: str, explanation: str) -> Code:
    CODES[code] = Code(code, title, cleandoc(explanation))
    return CODES[code]


SYNTAX = _add(
    "CFG001",
    "not TOML",
    """
    The file does not follow the TOML syntax, so nothing in it could be read. Common reasons: text without quotes
    (`queue = mails` for `queue = "mails"`), a key or a table given twice, a bracket or quote that is never closed.
    """,
)
UNREADABLE = _add(
    "CFG002",
    "the file cannot be read",
    """
    There is no such file, it is a directory, or its permissions do not let you read it. Without `--config` and
    `PGCONDUCTOR_CONFIG` the nearest `conductor.toml` upward is taken, up to the root of the repository.
    """,
)
ENCODING = _add(
    "CFG003",
    "not UTF-8",
    """
    TOML files are UTF-8. Save the file again with that encoding; the message says which byte is not part of it.
    """,
)
FORMAT = _add(
    "CFG004",
    "unsupported format",
    """
    `format` in `[conductor]` says which generation of this file's language is meant. This version of pgconductor reads
    `format = 1`. A greater number was written for a newer pgconductor: upgrade the tool.
    """,
)
REQUIRES = _add(
    "CFG005",
    "another version of pgconductor is required",
    """
    `requires` in `[conductor]` is a range of versions such as `">=0.4,<2"`, and the pgconductor that runs is outside of
    it, or the text is not such a range.
    """,
)

UNKNOWN_KEY = _add(
    "CFG101",
    "unknown key",
    """
    No key or table of this name exists here. Nothing is ever ignored silently, because a misspelt limit would be
    noticed only in production. Keys are snake_case: `worker_concurrency`, not `worker-concurrency`.
    """,
)
MISSING_KEY = _add(
    "CFG102",
    "a required key is missing",
    """
    `format`, `name` and `package` have no default, nor do some keys of inline tables, such as `type` of a field.
    """,
)
WRONG_TYPE = _add(
    "CFG103",
    "a value of the wrong kind",
    """
    The key takes another kind of value: a string in quotes, a number, `true` or `false`, an array or a table.
    """,
)
DURATION = _add(
    "CFG104",
    "not a duration",
    """
    Durations are strings with units: `"250ms"`, `"30s"`, `"1h30m"`, `"7d"` (ms s m h d w). A bare number is refused,
    since nobody remembers whether it would mean seconds or milliseconds. `"forever"` is known only to `retention`.
    """,
)
CHOICE = _add(
    "CFG105",
    "not one of the choices",
    """
    The key takes one of a few words, and this is none of them. They are listed in the help.
    """,
)
RANGE = _add(
    "CFG106",
    "out of range",
    """
    The number or duration is too small or too great for what the key means, or an array is empty or repeats itself.
    """,
)
CONFLICT = _add(
    "CFG107",
    "keys that do not go together",
    """
    Two keys exclude each other (`retry.schedule` and `retry.backoff`), or one has no effect without another
    (`concurrency.per_key` without `key`).
    """,
)
NOT_TUNABLE = _add(
    "CFG108",
    "this key cannot differ here",
    """
    `[env.<name>]` and `[defaults.*]` may change tunables: limits, durations, retries, priorities, the database. What a
    task is (its payload, handler, triggers, queue) is a contract that every environment and every deployed process
    shares, so it has one place.
    """,
)

UNKNOWN_QUEUE = _add(
    "CFG201",
    "unknown queue",
    """
    A task names a queue that is not declared. Add `[queues.<name>]`, even if it is empty; only `default` needs none.
    """,
)
UNKNOWN_EVENT = _add(
    "CFG202",
    "unknown event",
    """
    A trigger names an event that is not declared. Add `[events."<name>"]` with its payload.
    """,
)
UNKNOWN_FIELD = _add(
    "CFG203",
    "unknown field",
    """
    A key, filter or list names a field that the payload, or a column that `columns`, does not have.
    """,
)
UNKNOWN_TASK = _add(
    "CFG204",
    "unknown task",
    """
    `[env.<name>.tasks]` and `[[moved]]` name tasks that the configuration declares.
    """,
)
REFERENCE = _add(
    "CFG205",
    "not a reference to Python code",
    """
    References are written `"package.module:name"`, with a colon before the name: `handler = "shop.mail:send_email"`.
    They are not imported by `generate`; `pgconductor check --imports` and `run` do that.
    """,
)
MOVED = _add(
    "CFG206",
    "moved or removed, and still there",
    """
    `[[moved]]` and `[[removed]]` tell `apply` what became of things that are gone. What they name as gone must not be
    declared any more, and each can be gone only once.
    """,
)

TYPE_SYNTAX = _add(
    "CFG301",
    "not a type expression",
    """
    Types are written in a small part of Python's own syntax: names, `A | B`, `list[T]`, `set[T]`, `tuple[T, ...]`,
    `dict[str, T]`, `Literal['a', 1]`, and limits as a call: `int(ge=0, le=100)`.
    """,
)
UNKNOWN_TYPE = _add(
    "CFG302",
    "unknown type",
    """
    Known are str int float bool bytes date time datetime timedelta uuid decimal email url json any None and the types
    that `[types.<Name>]` declares. For a pydantic model of your own, declare `[types.<Name>]` with
    `ref = "module:Class"`.
    """,
)
TYPE_ARGUMENTS = _add(
    "CFG303",
    "wrong arguments of a type",
    """
    `list[T]` and `set[T]` take one type, `dict[str, T]` takes `str` and a type (JSON keys are text), `tuple[T, ...]`
    takes a type and three dots, `Literal[...]` takes strings, integers and booleans. Members of a set must be hashable.
    """,
)
CONSTRAINT = _add(
    "CFG304",
    "wrong constraint",
    """
    Numbers (int, float, decimal) take gt, ge, lt, le and multiple_of; str, email, bytes and the containers take
    min_length and max_length; str takes pattern, a regular expression without look-around and back-references.
    """,
)
VALUE_MISFIT = _add(
    "CFG305",
    "a value does not fit its type",
    """
    The default of a field, or the payload of a cron trigger, would be refused by the model it is meant for. Values are
    read as JSON would be, strictly: no text for numbers. Dates, times and timedeltas are ISO 8601 (`"PT1H30M"`).
    """,
)
SHARED_TYPE = _add(
    "CFG306",
    "a shared type that cannot be",
    """
    `[types.<Name>]` holds either fields, or `enum = [...]` alone, or `ref = "module:Class"` alone; and a type must not
    contain itself in a field that is required, since no value of it could ever be written.
    """,
)
JSON_SCHEMA = _add(
    "CFG307",
    "a JSON Schema that cannot be translated",
    """
    `payload = "x.json"` takes a JSON Schema of an object. The usual keywords are understood (type, properties,
    required, items, enum, const, format, limits, anyOf, oneOf, $ref into $defs); conditionals, tuples, negation and
    remote references are not. Write a pydantic model and refer to it with `"module:Class"` for those.
    """,
)
CONDITION = _add(
    "CFG308",
    "not a condition",
    """
    `where` and `when` take one boolean expression: comparisons (= <> < <= > >=, is distinct from), `is null`, `in`,
    `like`, `and`, `or`, `not`, over `payload.field` for events, `new.column` and `old.column` for tables, with text in
    single quotes. Functions, casts and subqueries are not part of it: nothing of it is ever run as SQL of your own.
    """,
)

CRON = _add(
    "CFG401",
    "not a cron expression",
    """
    Cron expressions have five fields, minute, hour, day of month, month, day of week, or are one of `@hourly`,
    `@daily`, `@weekly`, `@monthly`, `@yearly`. `"0 9 * * mon-fri"` is nine o'clock on working days.
    """,
)
WINDOW = _add(
    "CFG402",
    "not a window",
    """
    A window is days, hours, or both: `"sat-sun"`, `"22:00-06:00"`, `"mon-fri 22:00-06:00"`, `"mon,wed 09:00-17:30"`. A
    range over midnight belongs to the day on which it begins.
    """,
)
ZONE = _add(
    "CFG403",
    "unknown time zone",
    """
    Time zones are names of the IANA database: `"UTC"`, `"Europe/Amsterdam"`. Abbreviations such as `"CET+1"` say
    nothing about daylight saving and are not accepted.
    """,
)
TRIGGER = _add(
    "CFG404",
    "not one kind of trigger",
    """
    A trigger has exactly one of `cron`, `event` and `table`, and only keys that belong to it. A task may have any
    number of triggers, each under a name of its own.
    """,
)

NAME = _add(
    "CFG501",
    "not a valid name",
    """
    Tasks, triggers, fields and queues are snake_case (`send_email`), types PascalCase (`Address`), events dotted lower
    case (`order.paid`). They become Python names, table names and file names. What a task is called in the database may
    be anything: give it a `key`.
    """,
)
RESERVED = _add(
    "CFG502",
    "a reserved name",
    """
    The name is a Python keyword, begins with `model_`, or is needed by the generated code: pydantic models have
    attributes such as `json` and `copy`, and the generated client has methods such as `cancel` and `emit`.
    """,
)
COLLISION = _add(
    "CFG503",
    "two things would get one name",
    """
    Models are named after tasks, events and types: task `send_email` gives `SendEmailPayload` and `SendEmailResult`,
    event `order.paid` gives `OrderPaid` and the method `emit.order_paid`. Two declarations ask for the same one.
    """,
)
DUPLICATE_KEY = _add(
    "CFG504",
    "two tasks with one key",
    """
    `key` is the task's name in the database, by default its own name. Rows would not know whose they are.
    """,
)
RATE = _add(
    "CFG505",
    "not a rate",
    """
    A rate is a count and a unit of time: `"300/m"`, `"5/s"`, `"1000/h"`, or a count and a duration: `"10/30s"`.
    """,
)
KEY_TEMPLATE = _add(
    "CFG506",
    "not a key over the payload",
    """
    `dedupe.key` is a text with payload fields in braces, `"order-{order_id}"`; `{{` and `}}` stand for braces.
    `concurrency.key` and `rate_limit.key` name one field: `"payload.tenant"`. The field must hold a plain value.
    """,
)
TABLE_NAME = _add(
    "CFG507",
    "not a table name",
    """
    Tables are written with their schema, `"public.users"`, in the exact case of the catalogue. A name that holds a dot
    is put in double quotes. PostgreSQL allows 63 bytes.
    """,
)

PLACEHOLDER = _add(
    "CFG601",
    "not a placeholder",
    """
    In `[database]` and `[dev]`, `${VAR}` stands for an environment variable, `${VAR:-text}` gives a default,
    `${VAR:?message}` an error message, and `$$` is one dollar sign.
    """,
)
PLACEHOLDER_HERE = _add(
    "CFG602",
    "no placeholder can stand here",
    """
    `${VAR}` is expanded in the texts of `[database]` and `[dev]`: `url`, `listen_url`, `watch`, `ignore`. Numbers,
    durations and choices are fixed by the file; `[env.<name>]` changes them per environment.
    """,
)
UNSET_VARIABLE = _add(
    "CFG603",
    "an environment variable is not set",
    """
    `${VAR}` stands in a setting that a command needs, and the environment has no `VAR`. Set it, or give a default with
    `${VAR:-text}`.
    """,
)
DEMANDED_VARIABLE = _add(
    "CFG604",
    "an environment variable is not set, and the configuration says why it must be",
    """
    `${VAR:?message}` stands in a setting that a command needs, and `VAR` is unset or empty.
    """,
)

DUPLICATE = _add(
    "CFG701",
    "declared twice",
    """
    Two files declare the same type, event, queue or task. Files are merged by name and none overrides another.
    """,
)
NOT_INCLUDABLE = _add(
    "CFG702",
    "does not belong in an included file",
    """
    Included files hold `[types]`, `[events]`, `[queues]` and `[tasks]`. Everything else describes the application as a
    whole and has its place in the root file.
    """,
)
INCLUDE = _add(
    "CFG703",
    "nothing to include",
    """
    An entry of `include` is a path or a pattern relative to the root file. A path without wildcards must exist;
    absolute paths are refused, since other machines do not have them.
    """,
)
