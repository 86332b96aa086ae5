"""What rows that were queued under one plan cannot survive under another."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pgconductor.build import codes
from pgconductor.build.narrowing import Narrowing
from pgconductor.config.codes import Code
from pgconductor.plan.model import EventPlan, FieldPlan, Plan, TableTrigger, TaskPlan

KeyPath = tuple[str, ...]
Fields = Mapping[str, FieldPlan]

# How alike two names must be for one to be taken for the other under its new name.
ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class Incompatible:
    """One change.

    Attributes:
        message: what changed, one line.
        help: what to do about it, one line.
        path: where in conductor.toml; where that is not, the nearest table around it.
        concerns: the tasks and events whose rows are in danger, as messages call them.
    """

    code: Code
    message: str
    help: str
    path: KeyPath
    concerns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two plans side by side.

    Attributes:
        changes: all that queued rows could not survive.
        unknown: what could not be compared, as messages call it: payloads and shared types that are classes of the
            user's own. A plan holds their name only, since nobody imports them for it.
    """

    changes: tuple[Incompatible, ...]
    unknown: tuple[str, ...]


def compare(old: Plan, new: Plan) -> Comparison:
    """What rows of `old` cannot survive under `new`. Compatible changes are passed over.

    A task whose `version` was raised and that has an `upgrade` reads its old rows by that, whatever has changed.
    """
    comparer = _Comparer(old, new)
    changes = list(comparer.tasks())
    changes += comparer.events()
    shared = (f"type `{name}` ({ref})" for name, ref in sorted(comparer.narrowing.unknown.items()))
    return Comparison(tuple(_together(changes)), (*comparer.unknown, *shared))


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose rows are looked at.

    Attributes:
        name: as messages call it: "task `send_email`".
        remedy: what helps in the end, after what helps best: "raise `version` to 2 and name an `upgrade`".
    """

    name: str
    remedy: str


class _Comparer:
    def __init__(self, old: Plan, new: Plan) -> None:
        self.old = old
        self.new = new
        self.narrowing = Narrowing(old.types, new.types)
        self.unknown: list[str] = []

    def tasks(self) -> Iterator[Incompatible]:
        moved = {move.from_key: move.to_key for move in self.new.moved}
        declared = {task.key: task for task in self.new.tasks.values()}
        for before in self.old.tasks.values():
            after = declared.get(moved.get(before.key, before.key))
            if after is None:
                yield _gone(before)
            else:
                yield from self._task(before, after)

    def events(self) -> Iterator[Incompatible]:
        for before in self.old.events.values():
            after = self.new.events.get(before.name)
            if after is not None:
                yield from self._event(before, after)

    def _task(self, before: TaskPlan, after: TaskPlan) -> Iterator[Incompatible]:
        if after.version < before.version:
            yield _version_lowered(before, after)
        if after.version > before.version and after.upgrade is not None:
            return
        owner = _Owner(f"task `{after.name}`", _upgrade(before, after))
        yield from self._triggers(before, after, owner)
        path = ("tasks", after.name, "payload")
        yield from self._payload(before, after, owner, path)

    def _event(self, before: EventPlan, after: EventPlan) -> Iterator[Incompatible]:
        owner = _Owner(f"event `{after.name}`", "declare a new event for the new form")
        path = ("events", after.name, "payload")
        yield from self._payload(before, after, owner, path)

    def _triggers(self, before: TaskPlan, after: TaskPlan, owner: _Owner) -> Iterator[Incompatible]:
        """Rows that captured rows: the columns of a table trigger are what their payload holds."""
        for name, trigger in after.triggers.items():
            earlier = before.triggers.get(name)
            if isinstance(trigger, TableTrigger) and isinstance(earlier, TableTrigger):
                path = ("tasks", after.name, "triggers", name, "columns")
                whose = replace(owner, name=f"trigger `{name}` of {owner.name}")
                yield from self._fields(_columns(earlier), _columns(trigger), whose, path, set())

    def _payload(
        self, before: TaskPlan | EventPlan, after: TaskPlan | EventPlan, owner: _Owner, path: KeyPath
    ) -> Iterator[Incompatible]:
        if before.fields is None or after.fields is None:
            classes = dict.fromkeys(plan.payload for plan in (before, after) if plan.fields is None)
            self.unknown.append(f"{owner.name} ({', '.join(classes)})")
        else:
            yield from self._fields(before.fields, after.fields, owner, path, set())

    def _fields(
        self, before: Fields, after: Fields, owner: _Owner, path: KeyPath, seen: set[tuple[str, str]]
    ) -> Iterator[Incompatible]:
        renamed = _renamed(before, after)
        of = owner.name if path[0] != "types" else f"type `{path[1]}`"
        for name, field in after.items():
            earlier = before.get(name)
            if name in renamed:
                yield _renaming(renamed[name], name, of, owner, (*path, name))
            elif earlier is not None:
                yield from self._field(earlier, field, f"field `{name}` of {of}", owner, (*path, name), seen)
            elif field.required:
                yield _added(name, of, owner, (*path, name))

    def _field(
        self, before: FieldPlan, after: FieldPlan, what: str, owner: _Owner, path: KeyPath, seen: set[tuple[str, str]]
    ) -> Iterator[Incompatible]:
        if after.required and not before.required:
            help = f"rows that leave it out may be queued: keep the default; or {owner.remedy}"
            message = f"{what} could be left out and is now required"
            yield Incompatible(codes.FIELD_REQUIRED, message, help, path, (owner.name,))
        for reason in self.narrowing.between(before, after):
            if reason.pair is not None:
                yield from self._models(*reason.pair, owner, seen)
                continue
            help = f"{_MILDER[reason.code.code]}; or {owner.remedy}"
            whose, at = (f"type `{reason.enum}`", ("types", reason.enum)) if reason.enum else (what, path)
            yield Incompatible(reason.code, f"{whose} {reason.what}", help, at, (owner.name,))

    def _models(self, old: str, new: str, owner: _Owner, seen: set[tuple[str, str]]) -> Iterator[Incompatible]:
        """Two shared types with fields; types that contain themselves are looked at once."""
        before, after = self.old.types[old].fields, self.new.types[new].fields
        if (old, new) in seen or before is None or after is None:
            return
        seen.add((old, new))
        yield from self._fields(before, after, owner, ("types", new), seen)


_MILDER = {
    codes.TYPE_NARROWED.code: "accept what it was too, with `|`",
    codes.VALUE_REMOVED.code: "keep it until no row holds it any more",
    codes.LIMIT_TIGHTENED.code: "leave the limit as it was and check it in the handler",
}


def _upgrade(before: TaskPlan, after: TaskPlan) -> str:
    if after.version > before.version:
        return f"name an `upgrade` that brings payloads of version {before.version} up"
    return f"write `version = {before.version + 1}` and name an `upgrade`"


def _gone(task: TaskPlan) -> Incompatible:
    help = "nobody claims its queued rows: keep it until there are none, or say in [[moved]] which task takes them"
    name = f"task `{task.name}`"
    return Incompatible(codes.TASK_GONE, f"task `{task.key}` is gone", help, ("tasks", task.name), (name,))


def _version_lowered(before: TaskPlan, after: TaskPlan) -> Incompatible:
    name = f"task `{after.name}`"
    message = f"{name} was at version {before.version} and is now at {after.version}"
    help = f"nobody claims rows of a version that no plan knows: write `version = {before.version}` or more"
    return Incompatible(codes.VERSION_LOWERED, message, help, ("tasks", after.name, "version"), (name,))


def _added(name: str, of: str, owner: _Owner, path: KeyPath) -> Incompatible:
    milder = "" if "columns" in path else f"give it a default, or write `{name}?`; or "
    help = f"queued rows lack it: {milder}{owner.remedy}"
    message = f"field `{name}` of {of} is new and required"
    return Incompatible(codes.FIELD_ADDED, message, help, path, (owner.name,))


def _renaming(before: str, after: str, of: str, owner: _Owner, path: KeyPath) -> Incompatible:
    message = f"field `{before}` of {of} seems to be called `{after}` now"
    help = f"queued rows hold it as `{before}`, which would be ignored: keep that name; or {owner.remedy}"
    return Incompatible(codes.FIELD_RENAMED, message, help, path, (owner.name,))


def _renamed(before: Fields, after: Fields) -> dict[str, str]:
    """New names to old ones: of one type, and alike, or required and the only two that came and went."""
    gone = [name for name in before if name not in after]
    come = [name for name in after if name not in before]
    found: dict[str, str] = {}
    for name in come:
        fitting = [old for old in gone if old not in found.values() and before[old].type == after[name].type]
        near = difflib.get_close_matches(name, fitting, n=1, cutoff=ALIKE)
        if near:
            found[name] = near[0]
        elif len(gone) == len(come) == len(fitting) == 1 and after[name].required:
            found[name] = fitting[0]
    return found


def _columns(trigger: TableTrigger) -> dict[str, FieldPlan]:
    columns = trigger.columns or {}
    return {name: FieldPlan(type=text or "json", required=True) for name, text in columns.items()}


def _together(changes: list[Incompatible]) -> Iterator[Incompatible]:
    """One change of a shared type concerns all tasks that use it and is told once."""
    by_change: dict[tuple[str, str, KeyPath], list[Incompatible]] = {}
    for change in changes:
        by_change.setdefault((change.code.code, change.message, change.path), []).append(change)
    for same in by_change.values():
        concerns = tuple(dict.fromkeys(name for change in same for name in change.concerns))
        first = same[0]
        message = first.message if first.path[0] != "types" else f"{first.message} ({', '.join(concerns)})"
        yield replace(first, message=message, concerns=concerns)
