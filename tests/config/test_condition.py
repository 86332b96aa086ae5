"""Conditions: a closed grammar with one meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgconductor.config.condition import Columns, parse
from pgconductor.config.conditiontree import (
    And,
    Column,
    Compare,
    Condition,
    Constant,
    In,
    IsNull,
    Like,
    Not,
    Or,
)
from pgconductor.config.tokens import ExpressionError
from pgconductor.config.typeexpr import parse as type_expr

PAYLOAD = {
    name: type_expr(text)
    for name, text in {
        "total": "decimal(ge=0)",
        "count": "int | None",
        "country": "Literal['NL', 'BE'] | None",
        "name": "str",
        "paid": "bool",
        "day": "date",
        "anything": "json",
    }.items()
}
ROOTS: dict[str, Columns] = {"payload": PAYLOAD}

TOTAL, COUNT, PAID = (Column("payload", name) for name in ("total", "count", "paid"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("payload.total > 100", Compare(">", TOTAL, Constant(100))),
        ("100 <= payload.total", Compare("<=", Constant(100), TOTAL)),
        ("payload.total != 1.5", Compare("<>", TOTAL, Constant(1.5))),
        ("payload.total <> -1e3", Compare("<>", TOTAL, Constant(-1000.0))),
        ("payload.count = payload.total", Compare("=", COUNT, TOTAL)),
        ("payload.name = 'it''s'", Compare("=", Column("payload", "name"), Constant("it's"))),
        ("payload.paid", PAID),
        ("payload.paid = FALSE", Compare("=", PAID, Constant(False))),
        ("not payload.paid", Not(PAID)),
        ("NOT NOT payload.paid", Not(Not(PAID))),
        ("payload.count is null", IsNull(COUNT, negated=False)),
        ("payload.count IS NOT NULL", IsNull(COUNT, negated=True)),
        ("payload.count is distinct from 3", Compare("is distinct from", COUNT, Constant(3))),
        ("payload.count is not distinct from 3", Compare("is not distinct from", COUNT, Constant(3))),
        ("payload.count in (1, 2)", In(COUNT, (Constant(1), Constant(2)), negated=False)),
        ("payload.count not in (1)", In(COUNT, (Constant(1),), negated=True)),
        ("payload.name like 'a%'", Like(Column("payload", "name"), "a%", negated=False)),
        ("payload.country not like 'N_'", Like(Column("payload", "country"), "N_", negated=True)),
        ("payload.day > '2026-01-01'", Compare(">", Column("payload", "day"), Constant("2026-01-01"))),
        ("payload.anything = true", Compare("=", Column("payload", "anything"), Constant(True))),
        ('payload."total" > 1', Compare(">", TOTAL, Constant(1))),
        ("(payload.paid)", PAID),
        ("payload.paid and payload.paid and payload.paid", And((PAID, PAID, PAID))),
        (
            "payload.paid or payload.paid and not payload.paid or payload.paid",
            Or((PAID, And((PAID, Not(PAID))), PAID)),
        ),
        ("(payload.paid or payload.paid) and payload.paid", And((Or((PAID, PAID)), PAID))),
        ("not payload.total > 1 and payload.paid", And((Not(Compare(">", TOTAL, Constant(1))), PAID))),
    ],
)
def test_what_a_condition_means(text: str, expected: Condition) -> None:
    assert parse(text, ROOTS) == expected


def test_columns_that_nobody_knows_take_anything() -> None:
    condition = parse("new.\"Full Name\" = 'x' and old.a is null", {"new": None, "old": None})
    assert condition == And(
        (Compare("=", Column("new", "Full Name"), Constant("x")), IsNull(Column("old", "a"), negated=False))
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "payload",
        "payload.",
        "payload.total > 1;",
        "payload.total > 1 -- note",
        "payload.total > 1 /* note */",
        "payload.total > (select 1)",
        "payload.total + 1 > 2",
        "payload.total > 1 and",
        "payload.total between 1 and 2",
        "payload.total::text = '1'",
        "pg_sleep(10)",
        "payload.total > now()",
        "payload.name ilike 'a'",
        "payload.name ~ 'a'",
        "payload.name = $1",
        "payload.name = 'a' || 'b'",
        "payload.name = E'a'",
        "payload.name like payload.name",
        "payload.count in ()",
        "payload.count in (payload.total)",
        "payload.count in (null)",
        "payload.paid = 'true'",
        "payload.day = 5",
        "payload.country = 'DE'",
        "payload.name",
        "true",
        "1 = 1 or payload.paid",
        "payload.total > 1)",
        "((payload.paid)",
        "payload.name = 'open",
        "payload.name = 1e999",
        "payload.paid paid",
        "payload.paid\x00",
    ],
)
def test_nothing_else_is_a_condition(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, ROOTS)
    assert 0 <= caught.value.start < caught.value.end <= max(1, len(text))


@given(st.text(alphabet="payload.totn(),'\"=<> andrilku10", max_size=60) | st.text(max_size=40))
def test_any_text_is_a_condition_or_has_an_error_inside_it(text: str) -> None:
    try:
        parse(text, ROOTS)
    except ExpressionError as error:
        place = error.start, error.end
    else:
        return
    assert 0 <= place[0] < place[1] <= max(1, len(text))


def test_depth_has_an_end() -> None:
    with pytest.raises(ExpressionError, match="nest at most 50"):
        parse("(" * 400 + "payload.paid" + ")" * 400, ROOTS)
    with pytest.raises(ExpressionError, match="nest at most 50"):
        parse("not " * 300 + "payload.paid", ROOTS)
