"""Mistakes, one a case (or what belongs together), and the codes that they must give."""

from __future__ import annotations

from dataclasses import dataclass, field

HEAD = """\
[conductor]
format = 1
name = "shop"

[generate]
package = "shop.conductor"

"""


@dataclass(frozen=True)
class Case:
    """One mistake.

    Attributes:
        codes: exactly what is reported, each as often as it is.
        whole: the text is the whole file.
        files: other files beside it.
    """

    codes: tuple[str, ...]
    text: str
    whole: bool = False
    files: dict[str, str | bytes] = field(default_factory=dict)

    @property
    def toml(self) -> str:
        return self.text if self.whole else HEAD + self.text


def case(codes: str, text: str, **more: str | bytes) -> Case:
    return Case(tuple(codes.split()), text, files=more)


def whole(codes: str, text: str) -> Case:
    return Case(tuple(codes.split()), text, whole=True)


def task(codes: str, text: str, name: str = "send") -> Case:
    return case(codes, f"[tasks.{name}]\n{text}\n")


def payload_type(codes: str, text: str) -> Case:
    return case(codes, f"[tasks.send.payload]\nto = {text}\n")


def where(codes: str, text: str) -> Case:
    event = '[events."order.paid"]\npayload = { total = "int", plan = "Plan", tags = "list[str]", paid = "bool" }\n'
    types = '[types.Plan]\nenum = ["free", "pro"]\n'
    return case(codes, f'{types}{event}[tasks.send.triggers.paid]\nevent = "order.paid"\nwhere = {text}\n')


def trigger(codes: str, text: str) -> Case:
    return case(codes, f"[tasks.send.triggers.first]\n{text}\n")


def including(codes: str, text: str, included: str | bytes) -> Case:
    head = HEAD.replace("name", 'include = ["more/*.toml"]\nname')
    return Case(tuple(codes.split()), head + text, whole=True, files={"more/b.toml": included})


CASES: dict[str, Case] = {
    # CFG0xx syntax and format
    "unquoted text": case("CFG001", "[queues.mails]\nexecutor = thread\n"),
    "value missing at the end": case("CFG001", "[queues.mails]\nexecutor =\n"),
    "key twice": case("CFG001", "[queues.mails]\nprocesses = 1\nprocesses = 2\n"),
    "table twice": case("CFG001", "[queues.mails]\n[queues.mails]\n"),
    "quote never closed": case("CFG001", '[queues.mails]\nexecutor = "thread\nprocesses = 1\n'),
    "bracket never closed": case("CFG001", "[queues.mails\nprocesses = 1\n"),
    "array never closed": case("CFG001", "[tasks.send]\nwindows = [\n"),
    "inline table over lines": case("CFG001", "[tasks.send]\nretry = { max_attempts = 3,\n  jitter = 0 }\n"),
    "comma missing": case("CFG001", '[tasks.send]\nwindows = ["sat" "sun"]\n'),
    "equals sign missing": case("CFG001", "[queues.mails]\nprocesses 2\n"),
    "backslash": case("CFG001", '[tasks.send]\ndescription = "C:\\queue"\n'),
    "two values on a line": case("CFG001", "[queues.mails]\nprocesses = 1 2\n"),
    "no key at all": case("CFG001", "[queues.mails]\n= 3\n"),
    "too deep": case("CFG001", f"a = {'[' * 5000}"),
    "endless number": case("CFG001", f"[queues.mails]\nprocesses = {'9' * 5000}\n"),
    "format of tomorrow": whole("CFG004", "[conductor]\nformat = 2\nnew_key = true\n"),
    "format as text": whole("CFG004", '[conductor]\nformat = "1"\nname = "shop"\n'),
    "another version": whole("CFG005", '[conductor]\nformat = 1\nrequires = ">=99"\nwhatever = 1\n'),
    "not a version": whole(
        "CFG005", '[conductor]\nformat = 1\nname = "a"\nrequires = "new"\n[generate]\npackage = "a"\n'
    ),
    # CFG1xx keys
    "misspelt key": case("CFG101", "[queues.mails]\nworker_concurency = 8\n"),
    "kebab key": case("CFG101", "[queues.mails]\nworker-concurrency = 8\n"),
    "camel key": case("CFG101", "[queues.mails]\nworkerConcurrency = 8\n"),
    "key of nothing": case("CFG101", "[queues.mails]\ncolour = 8\n"),
    "unknown table": case("CFG101", "[task.send]\n"),
    "key at the root": whole("CFG101", f"retention = 1\n{HEAD}"),
    "unknown key in an inline table": task("CFG101", "retry = { max_attempt = 3 }"),
    "misspelt kind of trigger": trigger("CFG101", 'crn = "@daily"'),
    "nothing at all": whole("CFG102 CFG102", ""),
    "no name": whole("CFG102 CFG102", '[conductor]\nformat = 1\n[generate]\nsql_dir = "db"\n'),
    "field without type": payload_type("CFG102", "{ default = 1 }"),
    "concurrency of nothing": task("CFG102", "concurrency = {}"),
    "number for text": task("CFG103", "queue = 1"),
    "text for number": task("CFG103", 'priority = "high"'),
    "text for boolean": task("CFG103", 'log_payload = "yes"'),
    "boolean for number": task("CFG103", "priority = true"),
    "date for duration": task("CFG103", "timeout = 2026-01-01"),
    "text for array": task("CFG103", 'windows = "sat-sun"'),
    "table for array": task("CFG103", "windows = {}"),
    "array for table": task("CFG103", "retry = [1]"),
    "array for a table of tables": whole("CFG103", f"tasks = [1]\n{HEAD}"),
    "field of no type": payload_type("CFG103", "5"),
    "item of an array": task("CFG103", 'windows = ["sat", 5]'),
    "payload of no form": task("CFG103", "payload = true"),
    "table for an array of tables": case("CFG103", '[moved]\ntask = { from = "a", to = "b" }\n'),
    "number in quotes where a fraction may be": task("CFG103", 'retry = { jitter = "0.1" }'),
    "number for a choice": case("CFG103", "[queues.mails]\ndurability = 1\n"),
    "text for concurrency": task("CFG103", 'concurrency = "3"'),
    "number for a rate": task("CFG103", "rate_limit = 300"),
    "number for a deprecation": task("CFG103", "deprecated = 1"),
    "text for columns": trigger("CFG103", 'table = "public.users"\ncolumns = "id"'),
    "text for a cron payload": trigger("CFG103", 'cron = "@daily"\npayload = "x"'),
    "number for what is pending": case("CFG103", '[[removed]]\nqueue = "old"\npending = 5\n'),
    "trigger of no table": case("CFG103", "[tasks.send]\ntriggers.nightly = '@daily'\n"),
    "bare number for a duration": task("CFG104", "timeout = 30"),
    "fraction for a duration": task("CFG104", "timeout = 1.5"),
    "number in quotes": task("CFG104", 'timeout = "30"'),
    "unit in words": task("CFG104", 'timeout = "30 seconds"'),
    "forever where it is not known": task("CFG104", 'timeout = "forever"'),
    "very long text for a duration": task("CFG104", f'timeout = "{"9" * 5000}s"'),
    "unknown executor": case("CFG105", '[queues.mails]\nexecutor = "threads"\n'),
    "unknown durability": case("CFG105", '[queues.mails]\ndurability = "high"\n'),
    "unknown scope": task("CFG105", 'dedupe = { scope = "pendin" }'),
    "unknown pending": case("CFG105", '[[removed]]\nqueue = "old"\npending = "wait"\n'),
    "attempts in words": task("CFG105", 'retry = { max_attempts = "always" }'),
    "another database": case("CFG105", '[database]\nurl = "mysql://root:secret@db/shop"\n'),
    "old Python": whole("CFG105", f'{HEAD.strip()}\npython = "3.10"\n'),
    "path of the machine": whole("CFG105", f'{HEAD.strip()}\nsql_dir = "/var/sql"\n'),
    "priority too high": task("CFG106", "priority = 101"),
    "concurrency of zero": task("CFG106", "concurrency = 0"),
    "no time at all": task("CFG106", 'timeout = "0s"'),
    "longer than a century": task("CFG104", 'timeout = "6000w"'),
    "lease too long": case("CFG106", '[queues.mails]\nlease = "2d"\n'),
    "no exception to give up on": task("CFG205", 'retry = { give_up_on = ["TimeOutError"] }'),
    "a path for an exception": task("CFG205", 'retry = { retry_on = ["shop.errors.Busy"] }'),
    "only no exception is tried again": task("CFG106", "retry = { retry_on = [] }"),
    "jitter above one": task("CFG106", "retry = { jitter = 1.5 }"),
    "jitter of nan": task("CFG106", "retry = { jitter = nan }"),
    "enormous integer": task("CFG106", f"priority = {'9' * 30}"),
    "empty text": task("CFG106", 'description = ""'),
    "empty schedule": task("CFG106", "retry = { schedule = [] }"),
    "endless schedule": task("CFG106", "retry = { schedule = [" + '"1s",' * 1001 + "] }"),
    "no clients": whole("CFG106", f"{HEAD.strip()}\nclients = []\n"),
    "window twice": task("CFG106", 'windows = ["sat-sun", "sat-sun"]'),
    "backoff that never arrives": task(
        "CFG106", 'retry = { max_attempts = "forever", backoff = "linear", initial = "1ms", max = "1d" }'
    ),
    "backoff that never grows": task("CFG106", 'retry = { backoff = "exponential", factor = 1 }'),
    "schedule and backoff": task("CFG107", 'retry = { schedule = ["1s"], backoff = "linear" }'),
    "initial without backoff": task("CFG107", 'retry = { initial = "1s" }'),
    "factor of a constant": task("CFG107", 'retry = { backoff = "constant", factor = 2 }'),
    "max below initial": task("CFG107", 'retry = { backoff = "linear", initial = "1m", max = "1s" }'),
    "key without per_key": task("CFG107", 'concurrency = { limit = 3, key = "payload.to" }'),
    "per_key without key": task("CFG107", "concurrency = { limit = 3, per_key = 2 }"),
    "per_key above limit": task(
        "CFG107", 'concurrency = { limit = 3, key = "payload.to", per_key = 4 }\npayload = { to = "str" }'
    ),
    "replace what is running": task("CFG107", 'dedupe = { scope = "active", conflict = "replace" }'),
    "upgrade of the first version": task("CFG107", 'upgrade = "shop.mail:upgrade"'),
    "pool upside down": case("CFG107", "[database]\npool = { min = 5, max = 2 }\n"),
    "optional with default": case("CFG107", '[tasks.send.payload]\n"to?" = { type = "int", default = 1 }\n'),
    "update_of without updates": trigger("CFG107", 'table = "public.users"\non = ["insert"]\nupdate_of = ["a"]'),
    "contract in an environment": case("CFG108", '[tasks.send]\n[env.prod.tasks.send]\nhandler = "shop:send"\n'),
    "package in an environment": case("CFG108", '[env.prod.generate]\npackage = "other"\n'),
    "queue as a default": case("CFG108", '[defaults.task]\nqueue = "mails"\n'),
    # CFG2xx references
    "misspelt queue": case("CFG201", '[queues.mailers]\n[tasks.send]\nqueue = "mailer"\n'),
    "queue of nobody": task("CFG201", 'queue = "xyz"'),
    "queue to move to": case("CFG201", '[[removed]]\nqueue = "old"\npending = { move_to = "defaults" }\n'),
    "queue of an environment": case("CFG201", "[env.prod.queues.mails]\nprocesses = 2\n"),
    "misspelt event": case("CFG202", '[events."order.paid"]\n[tasks.send.triggers.paid]\nevent = "order.payed"\n'),
    "event of nobody": trigger("CFG202", 'event = "order.paid"'),
    "misspelt field of a key": task("CFG203", 'dedupe = { key = "order-{ordr_id}" }\npayload = { order_id = "uuid" }'),
    "key over no payload": task("CFG203", 'rate_limit = { rate = "1/s", key = "payload.tenant" }'),
    "key from the defaults": case(
        "CFG203", '[defaults.task]\ndedupe = { key = "{order_id}" }\n[tasks.send.payload]\nid = "int"\n'
    ),
    "fields of an event": case(
        "CFG203",
        '[events."order.paid"]\npayload = { order_id = "uuid" }\n'
        '[tasks.send.triggers.paid]\nevent = "order.paid"\nfields = ["order_id", "orderid"]\n',
    ),
    "where over an unknown field": where("CFG203", '"payload.totl > 5"'),
    "when over an unknown column": trigger(
        "CFG203", 'table = "public.users"\ncolumns = ["id", "status"]\nwhen = "new.state = \'on\'"'
    ),
    "task of an environment": case("CFG204", "[tasks.send_email]\n[env.prod.tasks.send_mail]\npriority = 1\n"),
    "task to move to": case("CFG204", '[tasks.send]\n[[moved]]\ntask = { from = "old", to = "sned" }\n'),
    "handler with dots": task("CFG205", 'handler = "shop.mail.send"'),
    "handler as a path": task("CFG205", 'handler = "shop/mail.py:send"'),
    "handler alone": task("CFG205", 'handler = "send"'),
    "handler of a keyword": task("CFG205", 'handler = "shop.import:send"'),
    "handler with more": task("CFG205", "handler = \"shop.mail:send(__import__('os'))\""),
    "payload as a word": task("CFG205", 'payload = "SendEmail"'),
    "package with a dash": whole("CFG205", '[conductor]\nformat=1\nname="a"\n[generate]\npackage = "my-shop"\n'),
    "moved and still there": case(
        "CFG206", '[tasks.send]\n[tasks.mail]\n[[moved]]\ntask = { from = "mail", to = "send" }\n'
    ),
    "moved twice": case(
        "CFG206",
        '[tasks.send]\n[[moved]]\ntask = { from = "a", to = "send" }\n[[moved]]\ntask = { from = "a", to = "send" }\n',
    ),
    "moved to nowhere": case("CFG102", '[[moved]]\ntask = { from = "a" }\n'),
    "moved in a circle": case(
        "CFG206 CFG206",
        '[[moved]]\ntask = { from = "a", to = "b" }\n[[moved]]\ntask = { from = "b", to = "a" }\n',
    ),
    "removed and still there": case("CFG206", '[queues.old]\n[[removed]]\nqueue = "old"\npending = "drain"\n'),
    "removing the default": case("CFG206", '[[removed]]\nqueue = "default"\npending = "drain"\n'),
    "removed twice": case(
        "CFG206",
        '[[removed]]\nqueue = "old"\npending = "drain"\n[[removed]]\nqueue = "old"\npending = "cancel"\n',
    ),
    # CFG3xx types
    "nothing after the bar": payload_type("CFG301", '"int |"'),
    "bracket of a type": payload_type("CFG301", '"list[int"'),
    "two types": payload_type("CFG301", '"int str"'),
    "enormous limit": payload_type("CFG301", f'"int(ge={"9" * 50})"'),
    "infinite limit": payload_type("CFG301", '"float(ge=1e999)"'),
    "dotted type": payload_type("CFG301", '"datetime.date"'),
    "call of code": payload_type("CFG301", "\"__import__('os').system('true')\""),
    "bare constraint": payload_type("CFG301", '"int(5)"'),
    "empty constraints": payload_type("CFG301", '"int()"'),
    "text of a literal without quotes": payload_type("CFG301", '"Literal[free]"'),
    "ambiguous escape": payload_type("CFG301", "'''str(pattern=\"\\bmail\\b\")'''"),
    "quote of a type": payload_type("CFG301", '"Literal[\'a]"'),
    "nested beyond reading": payload_type("CFG301", f'"{"list[" * 25}int{"]" * 25}"'),
    "longer than reading": payload_type("CFG301", f'"{" | ".join(["int"] * 500)}"'),
    "misspelt type": payload_type("CFG302", '"list[strr]"'),
    "familiar type": payload_type("CFG302", '"dict[str, Optional[int]]"'),
    "type of elsewhere": payload_type("CFG302", '"string"'),
    "type of nobody": payload_type("CFG302", '"Xyzzy"'),
    "misspelt shared type": case("CFG302", '[types.Address]\ncity = "str"\n[tasks.send.payload]\nto = "Adress"\n'),
    "type after an escape": payload_type("CFG302", '"\\u0069nt | strr"'),
    "type in lines": payload_type("CFG302", '"""\nint\n| strr"""'),
    "list of nothing": payload_type("CFG303", '"list"'),
    "arguments of a scalar": payload_type("CFG303", '"int[str]"'),
    "dict of numbers": payload_type("CFG303", '"dict[int, str]"'),
    "dict of one": payload_type("CFG303", '"dict[str]"'),
    "tuple of two": payload_type("CFG303", '"tuple[int, str]"'),
    "list of two": payload_type("CFG303", '"list[int, str]"'),
    "set of lists": payload_type("CFG303", '"set[list[int]]"'),
    "literal twice": payload_type("CFG303", "\"Literal['a', 'a']\""),
    "fraction as a literal": payload_type("CFG303", '"Literal[1.5]"'),
    "misspelt constraint": payload_type("CFG304", '"str(min_len=3)"'),
    "constraint of another type": payload_type("CFG304", '"int(min_length=3)"'),
    "constraint of a boolean": payload_type("CFG304", '"bool(ge=3)"'),
    "constraint twice": payload_type("CFG304", '"int(ge=3, ge=4)"'),
    "text as a limit": payload_type("CFG304", "\"int(ge='3')\""),
    "negative length": payload_type("CFG304", '"str(min_length=-1)"'),
    "multiple of zero": payload_type("CFG304", '"int(multiple_of=0)"'),
    "pattern that is none": payload_type("CFG304", "\"str(pattern='[a-')\""),
    "pattern with look-ahead": payload_type("CFG304", "\"str(pattern='(?=a)')\""),
    "pattern without quotes": payload_type("CFG304", '"str(pattern=5)"'),
    "constraint of a shared type": case("CFG304", '[types.A]\nx = "int"\n[tasks.send.payload]\na = "A(ge=3)"\n'),
    "constraint of a literal": payload_type("CFG304", "\"Literal['a'](min_length=3)\""),
    "limits upside down": payload_type("CFG304", '"int(ge=5, le=3)"'),
    "default of another type": payload_type("CFG305", '{ type = "int", default = "five" }'),
    "default beyond its limit": payload_type("CFG305", '{ type = "int(ge=0)", default = -1 }'),
    "default inside a list": payload_type("CFG305", '{ type = "list[int]", default = [1, "two", 3] }'),
    "default of no JSON": payload_type("CFG305", '{ type = "float", default = inf }'),
    "default in our own units": payload_type("CFG305", '{ type = "timedelta", default = "1h" }'),
    "default of None": payload_type("CFG305", '{ type = "int | None", default = "None" }'),
    "default of a shared type": case(
        "CFG305 CFG305",
        '[types.Address]\ncity = "str"\n[tasks.send.payload]\n'
        'a = { type = "Address", default = {} }\nb = { type = "Address", default = { city = "x", zip = 1 } }\n',
    ),
    "cron payload": case(
        "CFG305 CFG305 CFG305",
        '[tasks.send]\npayload = { to = "email", count = "int" }\n[tasks.send.triggers.nightly]\n'
        'cron = "@daily"\npayload = { count = "many", cuont = 1 }\n',
    ),
    "cron without a payload": case(
        "CFG305",
        '[tasks.send]\ninvocable = false\npayload = { to = "email" }\n[tasks.send.triggers.nightly]\ncron = "@daily"\n',
    ),
    "default of an enum": case(
        "CFG305", '[types.Plan]\nenum = ["free"]\n[tasks.send]\npayload = { a = { type = "Plan", default = "fre" } }\n'
    ),
    "default of a schema": case(
        "CFG305",
        '[tasks.send]\npayload = "x.json"\n',
        **{"x.json": '{"properties": {"a": {"type": "integer", "default": "five"}}}'},
    ),
    "enum beside fields": case("CFG306", '[types.Plan]\nenum = ["free"]\nname = "str"\n'),
    "empty enum": case("CFG306", "[types.Plan]\nenum = []\n"),
    "type within itself": case(
        "CFG306", '[types.Parent]\nchild = "Child"\n[types.Child]\nparent = "Parent"\n"age?" = "int"\n'
    ),
    "schema of a list": case("CFG307", '[tasks.send]\npayload = "x.json"\n', **{"x.json": '{"type": "array"}'}),
    "schema beyond translation": case(
        "CFG307 CFG307 CFG307",
        '[tasks.send]\npayload = "x.json"\n',
        **{
            "x.json": '{"properties": {"a": {"not": {}}, "Bee": {"type": "string"}, "c": {"$ref": "other.json"}}}',
        },
    ),
    "schema of nested nonsense": case(
        "CFG307", '[tasks.send]\npayload = "x.json"\n', **{"x.json": '{"properties": {"a": 5}}'}
    ),
    "schema of two objects with one name": case(
        "CFG307",
        '[tasks.send]\npayload = "x.json"\n',
        **{
            "x.json": '{"properties": {"a_b": {"type": "object", "properties": {}},'
            ' "a": {"type": "object", "properties": {"b": {"type": "object", "properties": {}}}}}}'
        },
    ),
    "schema nested beyond reading": case("CFG307", '[tasks.send]\npayload = "x.json"\n', **{"x.json": "[" * 100_000}),
    "schema that is no JSON": case("CFG307", '[tasks.send]\npayload = "x.json"\n', **{"x.json": '{\n  "type":\n}'}),
    "where without a comparison": where("CFG308", '"payload.total"'),
    "where with two signs": where("CFG308", '"payload.total == 5"'),
    "where that is neither": where("CFG308", '"payload.paid is true"'),
    "where distinct of nothing": where("CFG308", '"payload.total is distinct 5"'),
    "where not of nothing": where("CFG308", '"payload.total not 5"'),
    "where with an enormous number": where("CFG308", f'"payload.total > {"9" * 50}"'),
    "where with a call": where("CFG308", "\"lower(payload.plan) = 'free'\""),
    "where with a statement": where("CFG308", '"payload.total > 1; drop table users"'),
    "where without a root": where("CFG308", '"total > 1"'),
    "where over another root": where("CFG308", '"new.total > 1"'),
    "where with double quotes": where("CFG308", "'payload.plan = \"free\"'"),
    "where against null": where("CFG308", '"payload.total = null"'),
    "where of another kind": where("CFG308", "\"payload.total > '5'\""),
    "where of no value": where("CFG308", "\"payload.plan = 'fre'\""),
    "where over a list": where("CFG308", "\"payload.tags = 'a'\""),
    "where of constants": where("CFG308", '"1 = 1"'),
    "where cut short": where("CFG308", '"payload.total > 1 and"'),
    "where like a number": where("CFG308", "\"payload.total like '5%'\""),
    "where inside a field": where("CFG308", '"payload.tags.first = 1"'),
    "old row of an insert": trigger("CFG308", 'table = "public.users"\non = ["insert"]\nwhen = "old.id = 1"'),
    # CFG4xx schedules
    "cron of four": trigger("CFG401", 'cron = "0 9 * *"'),
    "cron with seconds": trigger("CFG401", 'cron = "0 0 9 * * *"'),
    "cron out of range": trigger("CFG401", 'cron = "0 24 * * *"'),
    "cron of no day": trigger("CFG401", 'cron = "0 0 30 2 *"'),
    "cron beyond reading": trigger("CFG401", f'cron = "{"1," * 150}1 * * * *"'),
    "cron by name": trigger("CFG401", 'cron = "@midnight"'),
    "cron backwards": trigger("CFG401", 'cron = "0 9 * * fri-mon"'),
    "window of no day": task("CFG402", 'windows = ["mon-fry 22:00-06:00"]'),
    "window of short hours": task("CFG402", 'windows = ["9-17"]'),
    "window of no length": task("CFG402", 'windows = ["mon 09:00-09:00"]'),
    "window beyond midnight": task("CFG402", 'windows = ["22:00-25:00"]'),
    "window of a comma": task("CFG402", 'windows = ["mon,"]'),
    "misspelt zone": task("CFG403", 'timezone = "Europe/Amsterdm"'),
    "zone by offset": task("CFG403", 'timezone = "+02:00"'),
    "zone of the application": whole(
        "CFG403", '[conductor]\nformat = 1\nname = "a"\ntimezone = "local"\n[generate]\npackage = "a"\n'
    ),
    "two kinds of trigger": trigger("CFG404", 'cron = "@daily"\ntable = "public.users"'),
    "trigger of no kind": trigger("CFG404", 'timezone = "UTC"'),
    "key of another kind": trigger("CFG404", 'cron = "@daily"\nwhere = "payload.a = 1"'),
    # CFG5xx names and limits
    "kebab task": case("CFG501", "[tasks.send-email]\n"),
    "task in Pascal case": case("CFG501", "[tasks.SendEmail]\n"),
    "task in another script": case("CFG501", '[tasks."задача"]\n'),
    "queue with a capital": case("CFG501", "[queues.Mails]\n"),
    "type in lower case": case("CFG501", '[types.address]\ncity = "str"\n'),
    "event with spaces": case("CFG501", '[events."Order Paid"]\n'),
    "field in camel case": case("CFG501", '[tasks.send.payload]\norderId = "int"\n'),
    "trigger with a dash": case("CFG501", '[tasks.send.triggers.at-night]\ncron = "@daily"\n'),
    "environment with a capital": case("CFG501", "[env.Prod]\n"),
    "key with spaces": task("CFG501", 'key = "send email"'),
    "schema with a quote": whole(
        "CFG501", '[conductor]\nformat = 1\nname = "a"\nschema = \'a"b\'\n[generate]\npackage = "a"\n'
    ),
    "application without a letter": whole("CFG501", '[conductor]\nformat = 1\nname = "1"\n[generate]\npackage = "a"\n'),
    "keyword as a task": case("CFG502", "[tasks.import]\n"),
    "method as a task": case("CFG502", "[tasks.cancel]\n"),
    "keyword as a field": case("CFG502", '[tasks.send.payload]\nfrom = "email"\n'),
    "pydantic's own field": case("CFG502", '[tasks.send.payload]\nmodel_name = "str"\n'),
    "attribute of a model": case("CFG502", '[tasks.send.payload]\njson = "str"\n'),
    "type of the grammar": case("CFG502", '[types.Literal]\na = "str"\n'),
    "event without a model": case("CFG502", "[events.none]\n"),
    "schema of PostgreSQL": whole(
        "CFG502", '[conductor]\nformat = 1\nname = "a"\nschema = "pg_jobs"\n[generate]\npackage = "a"\n'
    ),
    "two tasks of one model": case("CFG503", "[tasks.send_2]\n[tasks.send2]\n"),
    "event and type": case("CFG503", '[types.OrderPaid]\nid = "int"\n[events."order.paid"]\n'),
    "two events of one model": case("CFG503", '[events."order.paid"]\n[events.order_paid]\n'),
    "field twice": case("CFG503", '[tasks.send.payload]\nto = "str"\n"to?" = "str"\n'),
    "one key for two": case("CFG504", '[tasks.send]\n[tasks.mail]\nkey = "send"\n'),
    "rate without a unit": task("CFG505", 'rate_limit = "300"'),
    "rate in another unit": task("CFG505", 'rate_limit = "300/minute"'),
    "rate of nothing": task("CFG505", 'rate_limit = "0/s"'),
    "key without payload": task(
        "CFG506", 'concurrency = { limit = 3, key = "to", per_key = 1 }\npayload = { to = "str" }'
    ),
    "template with a dot": task("CFG506", 'dedupe = { key = "{payload.to}" }\npayload = { to = "str" }'),
    "template with a format": task("CFG506", 'dedupe = { key = "{to!r}" }\npayload = { to = "str" }'),
    "template never closed": task("CFG506", 'dedupe = { key = "a{to" }\npayload = { to = "str" }'),
    "keys of every kind": case(
        "CFG506 CFG506",
        '[types.A]\nx = "int"\n[types.E]\nenum = ["a"]\n[tasks.send]\n'
        'dedupe = { key = "{a}{b}{c}{d}{e}{f}", scope = "7d" }\n'
        'payload = { a = "A", b = "E | None", c = "str(min_length=1)", d = "Literal[1]", e = "any", f = "uuid" }\n',
    ),
    "key over a list": task("CFG506", 'dedupe = { key = "{to}" }\npayload = { to = "list[str]" }'),
    "table without schema": trigger("CFG507", 'table = "users"'),
    "table of three parts": trigger("CFG507", 'table = "db.public.users"'),
    "table of a long name": trigger("CFG507", f'table = "public.{"é" * 32}"'),
    "column of no name": trigger("CFG507", 'table = "public.users"\ncolumns = { "a\\u0000" = "int" }'),
    # CFG6xx interpolation
    "placeholder without braces": case("CFG601", '[database]\nurl = "postgresql://db/$NAME"\n'),
    "placeholder never closed": case("CFG601", '[database]\nurl = "${DATABASE_URL"\n'),
    "placeholder of a shell": case("CFG601", '[dev]\nwatch = ["src", "${HOME/x}"]\n'),
    "dollar in a password": case("CFG601", '[database]\nurl = "postgresql://shop:pa$word@db/shop"\n'),
    "placeholder for a number": case("CFG602", '[dev]\nport = "${PORT}"\n'),
    "placeholder for a choice": case("CFG602", '[database]\napply = "${APPLY}"\n'),
    "placeholder for a duration": case("CFG602", '[database]\nlock_timeout = "${LOCK_TIMEOUT}"\n'),
    # CFG7xx includes
    "task of two files": including("CFG701", "[tasks.send]\n", "[queues.mails]\n\n[tasks.send]\n"),
    "type of two files": including("CFG701", '[types.A]\na = "int"\n', '[types.A]\na = "str"\n'),
    "application in an included file": including("CFG702 CFG702", "", "[conductor]\nformat = 1\n[database]\n"),
    "unknown table in an included file": including("CFG702", "", "[task.send]\n"),
    "problems of several files": including(
        "CFG101 CFG201 CFG302", '[tasks.send]\nqueue = "mail"\n', '[queues.mails]\nx = 1\n[types.A]\na = "strr"\n'
    ),
    "included file that is no TOML": including(
        "CFG001 CFG101", "[tasks.send]\nx = 1\nqueue = 'mails'\n", "[queues.mails\n"
    ),
    "included file that is no UTF-8": including("CFG003", "", b"[queues.mails]\n# caf\xe9\n"),
    "included file of nobody": whole("CFG703", HEAD.replace("name", 'include = ["more/tasks.toml"]\nname')),
    "include of another machine": whole("CFG703", HEAD.replace("name", 'include = ["/etc/*.toml"]\nname')),
    "include of no pattern": whole("CFG703", HEAD.replace("name", 'include = ["a/***/[.toml"]\nname')),
    "schema of nobody": task("CFG002", 'payload = "missing.json"'),
    "schema that is no UTF-8": case("CFG003", '[tasks.send]\npayload = "x.json"\n', **{"x.json": b'{"a": "\xff"}'}),
}
