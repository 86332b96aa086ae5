"""The SQL that the config decides: migrations for a schema, partitions, lane indexes, claim and poll statements.

A queue's tasks fall into lanes. Tasks without a limit share the open lane; a limited task has a lane of its own, with a
partial index and a claim statement made for it, so that a saturated one costs the others nothing to skip. An index is
only used when its predicate can be proved at plan time: claim and index repeat one text, with the tasks as literals.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment

from pgconductor.build.templates import environment
from pgconductor.plan.model import Lane, Migration, Statement

# Words that PostgreSQL 14 to 18 do not take as a schema's name without quotes (Appendix C, "reserved").
_RESERVED = frozenset(
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check "
    "collate collation column concurrently constraint create cross current_catalog current_date "
    "current_role current_schema current_time current_timestamp current_user default deferrable desc "
    "distinct do else end except false fetch for foreign freeze from full grant group having ilike in "
    "initially inner intersect into is isnull join lateral leading left like limit localtime "
    "localtimestamp natural not notnull null offset on only or order outer overlaps placing primary "
    "references returning right select session_user similar some symmetric system_user table tablesample "
    "then to trailing true union unique user using variadic verbose when where window with".split()
)


def identifier(name: str) -> str:
    """`name` as an SQL identifier, quoted only where it must be."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string constant."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class LaneTask:
    """What the lanes of a queue depend on in a task."""

    key: str
    version: int
    limit: int | None


@dataclass(frozen=True)
class _LaneView:
    predicate: str | None
    readable: str


def migrations(schema: str) -> tuple[Migration, ...]:
    """The engine's own schema, step by step, for `schema`."""
    jinja = _sql_environment()
    names = sorted(name for name in jinja.list_templates() if name.startswith("db/migrations/"))
    return tuple(_migration(jinja, name, schema) for name in names)


def _migration(jinja: Environment, template: str, schema: str) -> Migration:
    number, _, title = template.removeprefix("db/migrations/").removesuffix(".sql").partition("_")
    sql = jinja.get_template(template).render(schema=identifier(schema))
    return Migration(number=int(number), name=title, sql=sql)


class QueueSql:
    """Renders everything that one queue needs."""

    def __init__(self, schema: str, queue: str, tasks: Sequence[LaneTask]) -> None:
        self._jinja = _sql_environment()
        self._schema = identifier(schema)
        self._lock_prefix = f"{schema}.{queue}"
        self._queue = queue
        self._limited = sorted((task for task in tasks if task.limit is not None), key=lambda task: task.key)
        self._open = sorted((task for task in tasks if task.limit is None), key=lambda task: task.key)

    def tables(self) -> tuple[Statement, ...]:
        """One statement a partition, its own indexes included."""
        return tuple(self._table(state) for state in ("scheduled", "ready", "running"))

    def lanes(self) -> tuple[Lane, ...]:
        """The open lane, then one lane for each limited task."""
        return (self._open_lane(), *(self._limited_lane(task) for task in self._limited))

    def poll(self) -> str:
        """The statement of an idle worker; its `ready_lanes` are positions in `lanes()`."""
        views = [self._open_view(), *(self._limited_view(task) for task in self._limited)]
        return self._render("poll", lanes=views)

    def _table(self, state: str) -> Statement:
        name = f"{state}_{self._queue}"
        sql = self._render("tables", state=state, name=name, leaf=self._leaf(state), parent=f"{self._schema}.{state}")
        return Statement(name=name, sql=sql)

    def _open_lane(self) -> Lane:
        view = self._open_view()
        claim = self._render("claim", predicate=view.predicate, readable=view.readable)
        return Lane(task=None, limit=None, index=self._index("claim", view.predicate), claim=claim)

    def _limited_lane(self, task: LaneTask) -> Lane:
        view = self._limited_view(task)
        claim = self._render(
            "claim_lane",
            task=task.key,
            lock=f"{self._lock_prefix}.{task.key}",
            predicate=view.predicate,
            readable=view.readable,
            running_name=f"running_{self._queue}",
        )
        return Lane(task=task.key, limit=task.limit, index=self._index("lane", view.predicate), claim=claim)

    def _open_view(self) -> _LaneView:
        keys = ", ".join(literal(task.key) for task in self._limited)
        predicate = f"task <> all (array[{keys}])" if keys else None
        return _LaneView(predicate, _readable(self._open))

    def _limited_view(self, task: LaneTask) -> _LaneView:
        return _LaneView(f"task = {literal(task.key)}", f"version <= {task.version}")

    def _index(self, kind: str, predicate: str | None) -> Statement:
        # The digest names the definition: another plan's index of another definition stands beside it while both run.
        digest = hashlib.sha256(f"{self._queue}\0{predicate}".encode()).hexdigest()[:8]
        name = f"{kind}_{self._queue}_{digest}"
        sql = self._render("lane_index", index=identifier(name), predicate=predicate)
        return Statement(name=name, sql=sql, concurrently=True)

    def _leaf(self, state: str) -> str:
        return f"{self._schema}.{state}_{self._queue}"

    def _render(self, template: str, **values: object) -> str:
        leaves = {state: self._leaf(state) for state in ("scheduled", "ready", "running")}
        context = {"schema": self._schema, "queue": self._queue, **leaves, **values}
        return self._jinja.get_template(f"db/queue/{template}.sql").render(context)


def _readable(tasks: Sequence[LaneTask]) -> str:
    """The rows that a worker of this plan can run: its tasks, in the payload versions it knows."""
    if not tasks:
        return "false"
    keys = ", ".join(literal(task.key) for task in tasks)
    newest = {task.key: task.version for task in tasks}
    common = min(newest.values())
    later = " ".join(f"when {literal(key)} then {version}" for key, version in newest.items() if version > common)
    known = f"case task {later} else {common} end" if later else str(common)
    return f"task = any (array[{keys}]) and version <= {known}"


def _sql_environment() -> Environment:
    jinja = environment()
    jinja.filters["literal"] = literal
    return jinja
