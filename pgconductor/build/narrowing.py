"""What a type refuses that another one accepted, as workers read rows: JSON in pydantic's lax mode, extra fields
ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pgconductor.build.codes import LIMIT_TIGHTENED, TYPE_NARROWED, VALUE_REMOVED
from pgconductor.build.limits import tightened
from pgconductor.config.codes import Code
from pgconductor.config.tokens import ExpressionError
from pgconductor.config.typeexpr import parse
from pgconductor.config.types import (
    NONE,
    Constrained,
    Generic,
    LiteralType,
    Scalar,
    Shared,
    TypeExpr,
    Union,
    is_nullable,
)
from pgconductor.config.valuecheck import ValueCheck
from pgconductor.plan.model import FieldPlan, TypePlan

Types: TypeAlias = Mapping[str, TypePlan]

# What else reads every value of a scalar. A test asks pydantic about each pair.
_WIDER: dict[str, tuple[str, ...]] = {
    "int": ("float", "decimal"),
    "float": ("decimal",),
    "bool": ("int", "float"),
    "bytes": ("str",),
    "date": ("str", "datetime"),
    "time": ("str",),
    "datetime": ("str",),
    "timedelta": ("str",),
    "uuid": ("str",),
    "decimal": ("float",),
    "email": ("str",),
    "url": ("str",),
}
_ANYTHING = (Scalar("json"), Scalar("any"))
_ARRAYS = ("list", "set", "tuple")


@dataclass(frozen=True, slots=True)
class Narrowed:
    """One reason why a value of the old type may not be one of the new.

    Attributes:
        what: the rest of a sentence that begins with the field: "was `str` and is now `int`".
        pair: the old and the new name of two shared types that have fields: those are to be compared.
        enum: the shared enum that it is about.
    """

    code: Code
    what: str
    pair: tuple[str, str] | None = None
    enum: str | None = None


def expression(text: str, types: Types) -> TypeExpr | None:
    """The type that a plan's text means; None if it cannot be read back, being longer than a person would write."""
    enums = [name for name, shared in types.items() if shared.enum is not None]
    try:
        return parse(text, types.keys(), enums)
    except ExpressionError:
        return None


class Narrowing:
    """Compares types of two plans.

    Args:
        old: the shared types of the plan that rows were written under.
        new: those of the plan that is to read them.

    Attributes:
        unknown: shared types that were met and are classes of the user's own, of which a plan holds the name only.
    """

    def __init__(self, old: Types, new: Types) -> None:
        self.old = old
        self.new = new
        self.unknown: dict[str, str] = {}
        self._check = ValueCheck({})

    def between(self, old: FieldPlan, new: FieldPlan) -> list[Narrowed]:
        """Why values of one field may not be values of another."""
        before, after = expression(old.type, self.old), expression(new.type, self.new)
        if before is None or after is None:
            return [] if old.type == new.type else [_changed(old.type, new.type)]
        return list(self._compare(before, after))

    def _compare(self, old: TypeExpr, new: TypeExpr) -> Iterator[Narrowed]:
        if new in _ANYTHING:
            return
        if isinstance(new, Shared) and (ref := self.new[new.name].ref) is not None:
            self.unknown[new.name] = ref
        match old, new:
            case Shared(), _:
                yield from self._shared(old, new)
            case Union(members), _:
                yield from self._members(members, old, new)
            case LiteralType(values), _:
                yield from self._values(values, old, new)
            case _, Union(choices):
                yield from self._choices(old, choices, new)
            case _, Shared(name) if self.new[name].enum is not None:
                yield _changed(old, new)
            case ((Constrained() | Scalar() | Generic()), (Constrained() | Scalar() | Generic())):
                yield from self._limited(old, new)
            case _:
                yield _changed(old, new)

    def _shared(self, old: Shared, new: TypeExpr) -> Iterator[Narrowed]:
        declared = self.old[old.name]
        if declared.enum is not None:
            yield from self._values(declared.enum, old, new)
        elif isinstance(new, Union):
            yield from self._choices(old, new.members, new)
        elif declared.ref is not None:
            self.unknown[old.name] = declared.ref
        elif isinstance(new, Shared) and self.new[new.name].fields is not None:
            yield Narrowed(TYPE_NARROWED, "", pair=(old.name, new.name))
        elif not (isinstance(new, Shared) and self.new[new.name].ref is not None):
            yield _changed(old, new)

    def _members(self, members: tuple[TypeExpr, ...], old: TypeExpr, new: TypeExpr) -> Iterator[Narrowed]:
        if NONE in members and not is_nullable(new):
            yield Narrowed(TYPE_NARROWED, "could be None and no longer can")
        for member in members:
            if member == NONE:
                continue
            for reason in self._compare(member, new):
                yield reason if reason.code is not TYPE_NARROWED or reason.pair else _changed(old, new)

    def _choices(self, old: TypeExpr, choices: tuple[TypeExpr, ...], new: TypeExpr) -> Iterator[Narrowed]:
        """An old type against a union: one member must take all of it, the nearest says what is wrong."""
        found = [list(self._compare(old, choice)) for choice in choices if choice != NONE]
        if [] in found:
            return
        # A pair of models is compared later; a narrower limit or a missing value says more than "changed".
        found.sort(key=lambda reasons: any(reason.code is TYPE_NARROWED and not reason.pair for reason in reasons))
        nearest = found[0] if found else [_changed(old, new)]
        for reason in nearest:
            yield reason if reason.code is not TYPE_NARROWED or reason.pair else _changed(old, new)

    def _values(self, values: tuple[str | int | bool, ...], old: TypeExpr, new: TypeExpr) -> Iterator[Narrowed]:
        among = new.members if isinstance(new, Union) else (new,)
        enum = next((each.name for each in among if isinstance(each, Shared)), None)
        lost = [value for value in values if not self._takes(new, value)]
        if len(lost) == len(values) and enum is None and not any(isinstance(each, LiteralType) for each in among):
            yield _changed(old, new)
            return
        for value in lost:
            yield Narrowed(VALUE_REMOVED, f"no longer takes `{value}`", enum=enum)

    def _takes(self, new: TypeExpr, value: str | int | bool) -> bool:
        match new:
            case Union(members):
                return any(self._takes(member, value) for member in members)
            case LiteralType(values):
                return any(value == other and type(value) is type(other) for other in values)
            case Shared(name):
                shared = self.new[name]
                return shared.ref is not None or (shared.enum is not None and value in shared.enum)
            case Scalar("json" | "any"):
                return True
            case Generic():
                return False
            case Scalar() | Constrained():
                return self._check.misfit(new, value) is None

    def _limited(self, old: Constrained | Scalar | Generic, new: Constrained | Scalar | Generic) -> Iterator[Narrowed]:
        before, had = (old.base, dict(old.constraints)) if isinstance(old, Constrained) else (old, {})
        after, has = (new.base, dict(new.constraints)) if isinstance(new, Constrained) else (new, {})
        match before, after:
            case Generic(origin, item), Generic(other, inner) if _same_kind(origin, other):
                yield from self._compare(item, inner)
                if other == "set" and origin != "set":
                    had.pop("min_length", None)  # what was there twice is there once
            case Scalar(name), Scalar(wider) if name == wider or wider in _WIDER.get(name, ()):
                pass
            case _:
                yield _changed(old, new)
                return
        for limit in tightened(had, has, whole=before == Scalar("int")):
            yield Narrowed(LIMIT_TIGHTENED, limit)


def _same_kind(old: str, new: str) -> bool:
    return old == new or (old in _ARRAYS and new in _ARRAYS)


def _changed(old: object, new: object) -> Narrowed:
    return Narrowed(TYPE_NARROWED, f"was `{old}` and is now `{new}`")
