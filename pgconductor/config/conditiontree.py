"""What a condition means, as a small tree; `pgconductor.config.condition.parse` makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Operator: TypeAlias = Literal["=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from"]


@dataclass(frozen=True, slots=True)
class Column:
    """`payload.amount`, `new.status`."""

    root: str
    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Compare:
    operator: Operator
    left: Column | Constant
    right: Column | Constant


@dataclass(frozen=True, slots=True)
class IsNull:
    column: Column
    negated: bool


@dataclass(frozen=True, slots=True)
class In:
    column: Column
    values: tuple[Constant, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Like:
    column: Column
    pattern: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    """`a and b and c`."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """`a or b or c`."""

    conditions: tuple[Condition, ...]


# A column alone is a boolean one.
Condition: TypeAlias = Column | Compare | IsNull | In | Like | Not | And | Or
