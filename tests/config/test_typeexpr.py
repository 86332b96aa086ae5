"""Type expressions: what is understood, and that nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgconductor.config.tokens import ExpressionError
from pgconductor.config.typeexpr import SCALARS, parse
from pgconductor.config.types import (
    NONE,
    Constrained,
    Generic,
    LiteralType,
    Scalar,
    Shared,
    TypeExpr,
    Union,
    union,
)

SHARED = ["Plan", "Address"]
ENUMS = ["Plan"]

INT, STR = Scalar("int"), Scalar("str")


@pytest.mark.parametrize("name", SCALARS)
def test_every_scalar(name: str) -> None:
    assert parse(name) == Scalar(SCALARS[name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("list[int]", Generic("list", INT)),
        ("set[str]", Generic("set", STR)),
        ("set[Plan]", Generic("set", Shared("Plan"))),
        ("set[tuple[int, ...] | None]", Generic("set", Union((Generic("tuple", INT), NONE)))),
        ("tuple[int, ...]", Generic("tuple", INT)),
        ("dict[str, list[Address]]", Generic("dict", Generic("list", Shared("Address")))),
        ("Literal['a', \"b\", 1, -2, True]", LiteralType(("a", "b", 1, -2, True))),
        ("Literal[1, True]", LiteralType((1, True))),
        ("Literal['it\\'s', 'tab\\t', r'\\d']", LiteralType(("it's", "tab\t", "\\d"))),
        ("None | int | None | int", Union((INT, NONE))),
        ("int | int", INT),
        ("  str|None  ", Union((STR, NONE))),
        ("\nlist[\n  int\n]\n", Generic("list", INT)),
        ("int(ge=0)", Constrained(INT, (("ge", 0),))),
        ("decimal(gt=-1.5, multiple_of=0.01)", Constrained(Scalar("decimal"), (("gt", -1.5), ("multiple_of", 0.01)))),
        ("int(le=1_000, ge=1e2)", Constrained(INT, (("le", 1000), ("ge", 100.0)))),
        ("str(pattern=r'^\\d+$')", Constrained(STR, (("pattern", "^\\d+$"),))),
        ("str(pattern='^\\d+$')", Constrained(STR, (("pattern", "^\\d+$"),))),
        ("str(min_length=1, max_length=1)", Constrained(STR, (("min_length", 1), ("max_length", 1)))),
        (
            "list[str(max_length=3)](min_length=1)",
            Constrained(Generic("list", Constrained(STR, (("max_length", 3),))), (("min_length", 1),)),
        ),
    ],
)
def test_what_an_expression_means(text: str, expected: TypeExpr) -> None:
    assert parse(text, SHARED, ENUMS) == expected


exprs = st.recursive(
    st.sampled_from(sorted(SCALARS)).map(lambda name: Scalar(SCALARS[name]))
    | st.sampled_from(SHARED).map(Shared)
    | st.lists(st.text(max_size=5).filter(str.isprintable) | st.integers(), min_size=1, max_size=3, unique=True).map(
        lambda values: LiteralType(tuple(values))
    )
    | st.just(Constrained(STR, (("min_length", 1), ("pattern", "^\\d'\"$")))),
    lambda inner: (
        st.builds(Generic, st.sampled_from(["list", "tuple", "dict"]), inner) | st.builds(union, inner, inner)
    ),
    max_leaves=6,
)


@given(exprs)
def test_the_canonical_spelling_means_the_same(expr: TypeExpr) -> None:
    assert parse(str(expr), SHARED, ENUMS) == expr


@example("dict[")
@example("tuple[int")
@given(st.text(alphabet="listdctupeLra[](),.|='\"\\ 0123456789-_\n", max_size=40) | st.text(max_size=40))
def test_any_text_is_a_type_or_has_an_error_inside_it(text: str) -> None:
    try:
        parse(text, SHARED, ENUMS)
    except ExpressionError as error:
        place = error.start, error.end
    else:
        return
    assert 0 <= place[0] < place[1] <= max(1, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "(lambda: 1)()",
        "int if True else str",
        "[int]",
        "int.__class__",
        "f'{1}'",
        "list[int][0]",
        "int(ge=__import__('os'))",
        "Literal[open('x')]",
        "int(ge=0)(le=1)",
        "x := int",
        "\x00",
        "int\x00",
        "list[list]",
        "int(ge=(0))",
        "dict[str, int, int]",
        "Literal[]",
        "",
        "   ",
        "1",
        "'str'",
        "Optional[int]",
        "\u03b9nt",
    ],
)
def test_nothing_else_is_a_type(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text, SHARED, ENUMS)


def test_depth_and_length_have_an_end() -> None:
    for text in ("list[" * 10_000, "(" * 10_000, "int | " * 10_000, "Literal['" + "x" * 10_000 + "']"):
        with pytest.raises(ExpressionError, match="longer than 2,000"):
            parse(text)
    with pytest.raises(ExpressionError, match="nest at most 20"):
        parse("list[" * 300 + "int" + "]" * 300)


def test_union_flattens_and_puts_none_last() -> None:
    assert union(NONE, Union((INT, NONE)), STR) == Union((INT, STR, NONE))
    assert union(NONE, NONE) == NONE
    assert union(INT, INT) == INT
