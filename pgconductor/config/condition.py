"""Conditions: the `where` of an event trigger and the `when` of a table trigger.

    or         = and { "or" and }
    and        = not { "and" not }
    not        = "not" not | "(" or ")" | test
    test       = operand [ comparison operand | "is" ["not"] "null" | "is" ["not"] "distinct" "from" operand
                         | ["not"] "in" "(" constant { "," constant } ")" | ["not"] "like" string ]
    operand    = root "." column | constant
    comparison = "=" | "<>" | "!=" | "<" | "<=" | ">" | ">="

The grammar is closed and the result a tree of our own: no text of the TOML ever becomes SQL. Keywords may be in either
case, names are taken exactly as written (in double quotes if they are not plain), text stands in single quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from pgconductor.config.codes import CONDITION, UNKNOWN_FIELD
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
    Operator,
    Or,
)
from pgconductor.config.fitting import misfit
from pgconductor.config.suggestion import did_you_mean, listed
from pgconductor.config.tokens import ExpressionError, Token, Tokens
from pgconductor.config.types import TypeExpr

# Columns and their types; None for a type that is not known, or for columns that are not known.
Columns: TypeAlias = "Mapping[str, TypeExpr | None] | None"


DEEPEST = 50

_OPERATORS: dict[str, Operator] = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TOKEN = re.compile(
    r"(?P<name>[^\W\d]\w*)"
    r"|(?P<quoted>\"(?:[^\"]|\"\")+\")"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<operator><=|>=|<>|!=|==|&&|\|\||<|>|=)"
    r"|(?P<mark>[().,])",
    re.ASCII | re.DOTALL,
)
_HELP = "one boolean expression such as `payload.total > 100 and payload.country in ('NL', 'BE')`"
_FOREIGN = {"==": "=", "&&": "and", "||": "or"}


def parse(text: str, roots: Mapping[str, Columns]) -> Condition:
    """The condition that a text means.

    Args:
        roots: what may stand before the dot, with the columns of each.

    Raises:
        ExpressionError: it is not one boolean expression, names an unknown column, or compares what cannot be equal.

    >>> parse("payload.total > 100", {"payload": None})
    Compare(operator='>', left=Column(root='payload', name='total'), right=Constant(value=100))
    """
    return _Parser(text, roots).whole()


class _Parser:
    def __init__(self, text: str, roots: Mapping[str, Columns]) -> None:
        self.tokens = Tokens(text, _TOKEN, CONDITION, _HELP)
        self.roots = roots
        self.depth = 0

    def whole(self) -> Condition:
        condition = self.either()
        if self.tokens.next.kind != "end":
            self.refuse_foreign()
            raise self.tokens.unexpected("`and`, `or` or the end")
        return condition

    def either(self) -> Condition:
        found = [self.both()]
        while self.keyword("or"):
            found.append(self.both())
        return found[0] if len(found) == 1 else Or(tuple(found))

    def both(self) -> Condition:
        found = [self.single()]
        while self.keyword("and"):
            found.append(self.single())
        return found[0] if len(found) == 1 else And(tuple(found))

    def single(self) -> Condition:
        token = self.tokens.next
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError(CONDITION, f"conditions nest at most {DEEPEST} deep", token.start, token.end)
        condition: Condition
        if self.keyword("not"):
            condition = Not(self.single())
        elif bracket := self.tokens.take_if("("):
            condition = self.either()
            self.tokens.expect(")", bracket)
        else:
            condition = self.test()
        self.depth -= 1
        return condition

    def test(self) -> Condition:
        token = self.tokens.next
        left = self.operand()
        self.refuse_foreign()
        following = self.tokens.next
        if following.kind == "operator":
            return self.compare(_OPERATORS[self.tokens.take().text], left, token)
        if self.keyword("is"):
            return self.is_(left, token)
        negated = self.keyword("not")
        if self.keyword("in"):
            return self.in_(self.column(left, token), token, negated)
        if self.keyword("like"):
            return self.like(self.column(left, token), token, negated)
        if negated:
            raise self.tokens.unexpected("`in` or `like`")
        return self.truth(left, token)

    def compare(self, operator: Operator, left: Column | Constant, token: Token) -> Compare:
        other = self.tokens.next
        right = self.operand()
        if isinstance(left, Column):
            self.fit(left, right, other)
        elif isinstance(right, Column):
            self.fit(right, left, token)
        else:
            message = "a comparison of two constants is always the same"
            raise ExpressionError(CONDITION, message, token.start, other.end, self.columns_help())
        return Compare(operator, left, right)

    def is_(self, left: Column | Constant, token: Token) -> Condition:
        negated = self.keyword("not")
        if self.keyword("null"):
            return IsNull(self.column(left, token), negated)
        if not self.keyword("distinct"):
            raise self.tokens.unexpected("`null` or `distinct from`")
        if not self.keyword("from"):
            raise self.tokens.unexpected("`from`")
        return self.compare("is not distinct from" if negated else "is distinct from", left, token)

    def in_(self, column: Column, token: Token, negated: bool) -> In:
        bracket = self.tokens.expect("(")
        values: list[Constant] = []
        while not values or self.tokens.take_if(","):
            value = self.tokens.next
            found = self.operand()
            if isinstance(found, Column):
                raise ExpressionError(CONDITION, "`in` takes constants", value.start, value.end, _HELP)
            self.fit(column, found, value)
            values.append(found)
        self.tokens.expect(")", bracket)
        return In(column, tuple(values), negated)

    def like(self, column: Column, token: Token, negated: bool) -> Like:
        pattern = self.tokens.next
        if pattern.kind != "string":
            raise self.tokens.unexpected("a text in single quotes")
        self.tokens.take()
        kind = self.type_of(column)
        # Of texts, `like` is never asked whether the pattern is one of a few values.
        if kind is not None and misfit(kind, "", values=False):
            message = f"`{column.root}.{column.name}` is `{kind}`, and `like` is for text"
            raise ExpressionError(CONDITION, message, token.start, pattern.end)
        return Like(column, _unquoted(pattern), negated)

    def truth(self, left: Column | Constant, token: Token) -> Column:
        column = self.column(left, token)
        kind = self.type_of(column)
        if kind is not None and misfit(kind, True):
            message = f"`{column.root}.{column.name}` is `{kind}`, not a condition"
            end = self.tokens.tokens[self.tokens.index - 1].end
            raise ExpressionError(CONDITION, message, token.start, end, "compare it with something")
        return column

    def column(self, operand: Column | Constant, token: Token) -> Column:
        if isinstance(operand, Constant):
            message = f"expected a column, found `{token.text}`"
            raise ExpressionError(CONDITION, message, token.start, token.end, self.columns_help())
        return operand

    def operand(self) -> Column | Constant:
        token = self.tokens.next
        if token.kind == "string":
            return Constant(_unquoted(self.tokens.take()))
        if token.kind == "number":
            return Constant(_number(self.tokens.take()))
        if token.text.lower() in ("true", "false"):
            return Constant(self.tokens.take().text.lower() == "true")
        if token.text.lower() == "null":
            message = "nothing compares with `null`"
            raise ExpressionError(CONDITION, message, token.start, token.end, "write `is null` or `is not null`")
        if token.kind == "quoted":
            help = f"text is put in single quotes: '{token.text[1:-1]}'"
            raise ExpressionError(CONDITION, "double quotes are for names", token.start, token.end, help)
        if token.kind != "name":
            raise self.tokens.unexpected("a column or a constant")
        return self.qualified()

    def qualified(self) -> Column:
        root = self.tokens.take()
        if root.text not in self.roots:
            raise self.unknown_root(root)
        self.tokens.expect(".")
        name = self.tokens.next
        if name.kind not in ("name", "quoted"):
            raise self.tokens.unexpected("a name")
        self.tokens.take()
        if (nested := self.tokens.next).text in (".", "("):
            message = f"only `{root.text}.{name.text}` itself can be tested, not what is inside"
            raise ExpressionError(CONDITION, message, nested.start, nested.end, _HELP)
        column = name.text if name.kind == "name" else name.text[1:-1].replace('""', '"')
        known = self.roots[root.text]
        if known is not None and column not in known:
            help = did_you_mean(column, known, f"known: {listed(known)}" if known else "none is declared")
            raise ExpressionError(UNKNOWN_FIELD, f"`{root.text}` has no `{column}`", name.start, name.end, help)
        return Column(root.text, column)

    def unknown_root(self, token: Token) -> ExpressionError:
        if token.text in ("new", "old", "payload"):
            message = f"there is no `{token.text}` here"
        elif any(known and token.text in known for known in self.roots.values()):
            root = next(name for name, known in self.roots.items() if known and token.text in known)
            message = f"`{token.text}` stands alone"
            return ExpressionError(CONDITION, message, token.start, token.end, f"write `{root}.{token.text}`")
        else:
            message = f"`{token.text}` has no place here"
        return ExpressionError(CONDITION, message, token.start, token.end, self.columns_help())

    def columns_help(self) -> str:
        return f"columns are written {' or '.join(f'`{root}.name`' for root in self.roots)}"

    def type_of(self, column: Column) -> TypeExpr | None:
        return (self.roots[column.root] or {}).get(column.name)

    def fit(self, column: Column, operand: Column | Constant, token: Token) -> None:
        """A constant must be one that the column can hold."""
        kind = self.type_of(column)
        if kind is None or isinstance(operand, Column):
            return
        if reason := misfit(kind, operand.value):
            message = f"`{column.root}.{column.name}` is `{kind}`, never {token.text}"
            raise ExpressionError(CONDITION, message, token.start, token.end, reason)

    def keyword(self, word: str) -> bool:
        token = self.tokens.next
        if token.kind == "name" and token.text.lower() == word:
            self.tokens.take()
            return True
        return False

    def refuse_foreign(self) -> None:
        token = self.tokens.next
        if token.text in _FOREIGN:
            help = f"write `{_FOREIGN[token.text]}`"
            raise ExpressionError(CONDITION, f"`{token.text}` is not part of a condition", token.start, token.end, help)


def _unquoted(token: Token) -> str:
    return token.text[1:-1].replace("''", "'")


def _number(token: Token) -> int | float:
    if len(token.text) > 40:
        raise ExpressionError(CONDITION, "a number of more than 40 characters", token.start, token.end)
    number = int(token.text) if re.fullmatch(r"[-+]?\d+", token.text) else float(token.text)
    if number in (float("inf"), float("-inf")):
        raise ExpressionError(CONDITION, f"`{token.text}` is infinite", token.start, token.end)
    return number
