"""What queued rows cannot survive is named, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from syrupy.assertion import SnapshotAssertion

from pgconductor.build.codes import CODES
from pgconductor.build.compatibility import Comparison, compare
from pgconductor.build.compile import compile_plan
from pgconductor.build.contracts import shared_types
from pgconductor.build.narrowing import Narrowing
from pgconductor.config import Config
from pgconductor.config.typeexpr import SCALARS, parse
from pgconductor.config.types import Enum, Field, Fields, SharedType
from pgconductor.config.valuecheck import ValueCheck
from pgconductor.plan.model import FieldPlan
from tests.build.strategies import configs

Compared = Callable[[str, str], Comparison]

TYPES = """
[types.Plan]
enum = ["free", "pro"]
[types.Line]
isbn = "str"
copies = "int(ge=1)"
parts = { type = "list[Line]", default = [] }
"""


@pytest.fixture
def compared(configured: Callable[[str], Config]) -> Compared:
    def compared(before: str, after: str) -> Comparison:
        return compare(compile_plan(configured(before)), compile_plan(configured(after)))

    return compared


def payload(fields: str, more: str = "", types: str = TYPES) -> str:
    return f"[tasks.send]\n{more}\n[tasks.send.payload]\n{fields}\n{types}"


# What it was, what it is, and the codes that tell. Each is a payload, or a whole file if it has a table.
CHANGES: dict[str, tuple[str, str, str]] = {
    "required field added": ('to = "str"', 'to = "str"\ntenant = "str"', "ROW101"),
    "nullable field added": ('to = "str"', 'to = "str"\nnote = "str | None"', "ROW101"),
    "default taken away": ('to = { type = "str", default = "a" }', 'to = "str"', "ROW102"),
    "optional made required": ('"to?" = "str"', 'to = "str | None"', "ROW102"),
    "optional made required and not None": ('"to?" = "str"', 'to = "str"', "ROW102 ROW104"),
    "renamed and alike": ('recipient = "email"', 'recipients = { type = "email", default = "a@b.c" }', "ROW103"),
    "renamed and required": ('to = "email"', 'address = "email"', "ROW103"),
    "number to text": ('to = "int"', 'to = "str"', "ROW104"),
    "text to email": ('to = "str"', 'to = "email"', "ROW104"),
    "no longer None": ('to = "str | None"', 'to = "str"', "ROW104"),
    "member of a union gone": ('to = "int | str"', 'to = "int"', "ROW104"),
    "item of a list": ('to = "list[float]"', 'to = "list[int]"', "ROW104"),
    "list to a value": ('to = "list[str]"', 'to = "str"', "ROW104"),
    "anything to something": ('to = "json"', 'to = "dict[str, int]"', "ROW104"),
    "text to an enum": ('to = "str"', 'to = "Plan"', "ROW104"),
    "text to a constant": ('to = "str"', "to = \"Literal['a']\"", "ROW104"),
    "constants to numbers": ("to = \"Literal['a', 'b']\"", 'to = "int"', "ROW104"),
    "model to text": ('to = "Line"', 'to = "str"', "ROW104"),
    "constant gone": ("to = \"Literal['a', 'b']\"", "to = \"Literal['b'] | None\"", "ROW105"),
    "constant of a list gone": ("to = \"list[Literal['a', 'b']]\"", "to = \"list[Literal['b']]\"", "ROW105"),
    "enum value gone": (
        payload('plan = "Plan"'),
        payload('plan = "Plan | None"', types=TYPES.replace('"free", ', "")),
        "ROW105",
    ),
    "limit new": ('to = "str"', 'to = "str(max_length=5)"', "ROW106"),
    "limit tighter": ('to = "int(ge=0, le=9)"', 'to = "int(gt=0, le=8)"', "ROW106 ROW106"),
    "pattern changed": ("to = \"str(pattern='a')\"", "to = \"str(pattern='b')\"", "ROW106"),
    "step finer": ('to = "int(multiple_of=10)"', 'to = "int(multiple_of=4)"', "ROW106"),
    "set with a least size": ('to = "list[int](min_length=2)"', 'to = "set[int](min_length=2)"', "ROW106"),
    "field of a shared type": (
        payload('lines = "list[Line]"'),
        payload('lines = "list[Line]"', types=TYPES.replace('isbn = "str"', 'isbn = "str"\nprice = "decimal"')),
        "ROW101",
    ),
    "limit within a shared type of a union": (
        payload('line = "Line | None"'),
        payload('line = "Line | str | None"', types=TYPES.replace("ge=1", "ge=2")),
        "ROW106",
    ),
    "two tasks of one type": (
        payload('a = "Line"') + '[tasks.pack.payload]\nb = "Line"\n',
        payload('a = "Line"', types=TYPES.replace("ge=1", "ge=2")) + '[tasks.pack.payload]\nb = "Line"\n',
        "ROW106",
    ),
    "version raised without an upgrade": ('to = "str"', payload('to = "int"', "version = 2"), "ROW104"),
    "event": (
        '[events."order.paid"]\npayload = { id = "int" }',
        '[events."order.paid"]\npayload = { id = "int", total = "int" }',
        "ROW101",
    ),
    "columns of a table": (
        '[tasks.send.triggers.row]\ntable = "public.a"\ncolumns = { id = "int" }',
        '[tasks.send.triggers.row]\ntable = "public.a"\ncolumns = { id = "int", at = "datetime" }',
        "ROW101",
    ),
    "task gone": ("[tasks.send]\n[tasks.pack]\n", "[tasks.pack]\n", "ROW107"),
    "version lowered": ("[tasks.send]\nversion = 3\n", "[tasks.send]\nversion = 2\n", "ROW108"),
    "moved and changed": (
        '[tasks.send.payload]\nto = "str"\n',
        '[tasks.post.payload]\nto = "int"\n[[moved]]\ntask = { from = "send", to = "post" }\n',
        "ROW104",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_rows_cannot_survive(name: str, compared: Compared, snapshot: SnapshotAssertion) -> None:
    before, after, codes = CHANGES[name]
    found = compared(*(text if "[" in text.split("=")[0] else payload(text) for text in (before, after)))
    assert [change.code.code for change in found.changes] == codes.split()
    assert [(change.message, change.help, ".".join(change.path)) for change in found.changes] == snapshot


def test_every_code_of_rows_is_given_by_some_change() -> None:
    given = {code for _, _, codes in CHANGES.values() for code in codes.split()}
    assert given == {code for code in CODES if code.startswith("ROW")}


SURVIVED: dict[str, tuple[str, str]] = {
    "nothing": ('to = "str"', 'to = "str"'),
    "description": ('to = "str"', 'to = { type = "str", description = "whom" }'),
    "field gone": ('to = "str"\ncc = "int"', 'to = "str"'),
    "field with a default": ('to = "str"', 'to = "str"\ncc = { type = "list[str]", default = [] }'),
    "field that may be left out": ('to = "str"', 'to = "str"\n"cc?" = "str"'),
    "default changed": ('to = { type = "int", default = 1 }', 'to = { type = "int", default = 2 }'),
    "required made optional": ('to = "str"', '"to?" = "str"'),
    "widened": ('to = "int"\nid = "uuid"', 'to = "float | None"\nid = "str"'),
    "value added": ("to = \"Literal['a']\"", "to = \"Literal['a', 'b']\""),
    "constant to text": ("to = \"Literal['a']\"", 'to = "str(max_length=3)"'),
    "enum to text": ('to = "Plan"', 'to = "str"'),
    "enum to constants": ('to = "list[Plan]"', "to = \"list[Literal['free', 'pro', 'more']]\""),
    "limit loosened": ('to = "int(ge=1)"', 'to = "int(gt=0)"'),
    "limit gone": ("to = \"str(pattern='a', min_length=1)\"", 'to = "str"'),
    "list to set": ('to = "list[int]"', 'to = "set[int]"'),
    "model to json": ('to = "Line"', 'to = "json"'),
    "type that contains itself": ('to = "Line"', 'to = "Line | None"'),
    "upgraded": (payload('to = "str"'), payload('to = "int"', 'version = 2\nupgrade = "shop:up"')),
    "moved": ("[tasks.send]\n", '[tasks.post]\n[[moved]]\ntask = { from = "send", to = "post" }\n'),
    "another queue": ("[tasks.send]\n[queues.mail]\n", '[tasks.send]\nqueue = "mail"\n[queues.mail]\n'),
    "moved to another queue": (
        "[tasks.send]\n[queues.mail]\n",
        '[tasks.send]\nkey = "send2"\nqueue = "mail"\n[queues.mail]\n'
        '[[moved]]\ntask = { from = "send", to = "send" }\n',
    ),
    "result": (
        '[tasks.send]\nreturns = { id = "int" }\n',
        '[tasks.send]\nreturns = { id = "str", at = "datetime" }\n',
    ),
    "limit of a shared type that an upgrade sees to": (
        payload('line = "Line"'),
        payload('line = "Line"', 'version = 2\nupgrade = "shop:up"', types=TYPES.replace("ge=1", "ge=2")),
    ),
}


@pytest.mark.parametrize("name", SURVIVED)
def test_what_rows_survive_is_passed_over(name: str, compared: Compared) -> None:
    found = compared(*(text if "[" in text.split("=")[0] else payload(text) for text in SURVIVED[name]))
    assert found == Comparison((), ())


def test_a_class_of_the_users_own_is_said_to_be_unknown(compared: Compared) -> None:
    before = '[tasks.send]\npayload = "shop.models:Mail"\n[tasks.pack]\n'
    assert compared(before, before).unknown == ("task `send` (shop.models:Mail)",)
    renamed = before.replace("Mail", "Letter")
    assert compared(before, renamed).unknown == ("task `send` (shop.models:Mail, shop.models:Letter)",)
    event = '[events."order.paid"]\npayload = "shop.models:Paid"\n'
    assert compared(event, event).unknown == ("event `order.paid` (shop.models:Paid)",)


@pytest.mark.parametrize("field", ["Address", "list[Address]", "Address | None", "str | Address"])
def test_so_is_a_shared_type_that_is_one(compared: Compared, field: str) -> None:
    types = '[types.Address]\nref = "shop.models:Address"\n[types.Unused]\nref = "shop.models:Unused"\n'
    before = payload(f'to = "{field}"', types=types)
    assert compared(before, before) == Comparison((), ("type `Address` (shop.models:Address)",))


def test_and_a_type_that_has_become_one(compared: Compared) -> None:
    now = '[types.Line]\nref = "shop.models:Line"\n'
    found = compared(payload('line = "Line"'), payload('line = "Line"', types=now))
    assert found == Comparison((), ("type `Line` (shop.models:Line)",))


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(configs())
def test_a_plan_is_compatible_with_itself(config: Config) -> None:
    plan = compile_plan(config)
    assert compare(plan, plan).changes == ()


# JSON as clients write it, and as people do from SQL.
SAMPLES: dict[str, list[object]] = {
    "str": ["", "a", "5", "null"],
    "int": [0, -5, 10**30],
    "float": [0.5, -1e300, 3.0],
    "bool": [True, False],
    "bytes": ["aGk=", "_-8="],
    "date": ["2024-01-31", "0001-01-01"],
    "time": ["09:00:00", "09:00:00.123456Z"],
    "datetime": ["2024-01-31T09:00:00Z", "2024-01-31T09:00:00.123456+02:00"],
    "timedelta": ["PT1H", "-P3DT4H"],
    "uuid": ["01234567-89ab-cdef-0123-456789abcdef"],
    "decimal": ["1.5", "1E+40", 2.5, 3],
    "email": ["a@b.co"],
    "url": ["https://example.org/x"],
    "json": [None, 1, "a", [1], {"a": 1}],
    "any": [None, 1, "a", [1], {"a": 1}],
    "None": [None],
}
# pydantic reads one as the other, and no person would.
ABSURD = {("time", "timedelta"), ("uuid", "bytes")}


def reads(expr: str, value: object, types: dict[str, SharedType] | None = None) -> bool:
    """Whether a worker reads a value as a type."""
    check = ValueCheck(types or {})
    adapter: TypeAdapter[object] = check.adapter(parse(expr, types or {}, ["Plan"]))
    try:
        adapter.validate_json(json.dumps(value), strict=False, extra="ignore")
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(("old", "new"), [pair for pair in product(SCALARS, SCALARS) if pair not in ABSURD])
def test_scalars_are_as_wide_as_pydantic_has_them(old: str, new: str) -> None:
    reasons = Narrowing({}, {}).between(*(FieldPlan(type=name, required=True) for name in (old, new)))
    assert (not reasons) is all(reads(new, value) for value in SAMPLES[old])


OLD_TYPES: dict[str, SharedType] = {
    "Plan": Enum(("free", "pro")),
    "Line": Fields((Field("n", parse("int(ge=1)")), Field("text", parse("str")))),
}
NEW_TYPES: dict[str, SharedType] = {
    "Plan": Enum(("pro", "free", "team")),
    "Line": Fields((Field("n", parse("float(ge=0)")), Field("more", parse("str | None"), required=False))),
}
scalars = st.sampled_from(["str", "int", "float", "bool", "date", "uuid", "decimal", "email", "None", "json"])
limited = st.sampled_from(
    [
        "int(ge=0)", "int(gt=0)", "int(le=9)", "int(multiple_of=2)", "float(lt=5)", "str(max_length=3)",
        "str(min_length=1)", "str(pattern='^a')", "list[int](min_length=1)", "set[int](min_length=2)",
        "Literal['a']", "Literal['a', 1]", "Literal[1, True]", "Plan", "Line",
    ]
)  # fmt: skip
expressions = st.recursive(
    scalars | limited,
    lambda inner: (
        inner.map(lambda item: f"list[{item}]")
        | inner.map(lambda item: f"dict[str, {item}]")
        | st.tuples(inner, inner).map(" | ".join)
    ),
    max_leaves=4,
)
values = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2, 9, 10, -1, 0.5, 5.5, "", "a", "abcd", "free", "pro", "1"])
    | st.sampled_from(["2024-01-31", "a@b.co", "01234567-89ab-cdef-0123-456789abcdef", "1.5"])
    | st.sampled_from([{"n": 1, "text": ""}, {"n": 7, "text": "x"}]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "n"]), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(expressions, expressions, st.lists(values, min_size=4, max_size=8))
def test_what_is_called_compatible_is_read(old: str, new: str, found: list[object]) -> None:
    narrowing = Narrowing(shared_types(OLD_TYPES), shared_types(NEW_TYPES))
    reasons = narrowing.between(FieldPlan(type=old, required=True), FieldPlan(type=new, required=True))
    if all(reason.pair for reason in reasons):  # `Line` became wider
        for value in found:
            written = _as_written(old, value)
            assert written is None or reads(new, written[0], NEW_TYPES), (old, new, value)


def _as_written(expr: str, value: object) -> tuple[object] | None:
    """What a client would have stored for a value of the old type; None if it is none."""
    adapter: TypeAdapter[object] = ValueCheck(OLD_TYPES).adapter(parse(expr, OLD_TYPES, ["Plan"]))
    try:
        read = adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError:
        return None
    return (json.loads(adapter.dump_json(read)),)
