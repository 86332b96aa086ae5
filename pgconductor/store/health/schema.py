"""The schema: whether it is what the plan needs, with every index there and valid."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgconductor.errors import DatabaseError
from pgconductor.plan.model import Plan
from pgconductor.store.apply import pending
from pgconductor.store.catalog import Catalog, read_catalog
from pgconductor.store.health.finding import Finding
from pgconductor.store.query import AnyConnection

_CREATE_INDEX = re.compile(r"^create (?:unique )?index (\S+) on [^;]+;", re.MULTILINE)
MENTIONED = 3


def examine(connection: AnyConnection, url: str, plan: Plan) -> Iterator[Finding]:
    try:
        lacking = [change.summary for change in pending(url, plan)]
    except DatabaseError as error:
        yield Finding("schema", "error", str(error).partition("; ")[0], str(error).partition("; ")[2] or None)
        return
    if lacking:
        more = f" and {len(lacking) - MENTIONED} more" if len(lacking) > MENTIONED else ""
        summary = f"the database lacks: {', '.join(lacking[:MENTIONED])}{more}"
        yield Finding("schema", "error", summary, "run `pgconductor apply`")
    else:
        yield Finding("schema", "ok", f"schema `{plan.schema_name}` is in line with the plan")
    yield from indexes(plan, read_catalog(connection, plan))


def indexes(plan: Plan, catalog: Catalog) -> Iterator[Finding]:
    """Missing and invalid ones. Those that apply would build anew are its business."""
    wanted = dict(_wanted(plan, catalog))
    lanes = {lane.index.name for queue in plan.queues.values() for lane in queue.lanes}
    missing = sorted(wanted.keys() - catalog.indexes.keys())
    invalid = sorted(name for name, valid in catalog.indexes.items() if not valid and name not in lanes)
    for name in missing:
        yield Finding("indexes", "error", f"index `{name}` is missing", f"create it again: {wanted[name]}")
    for name in invalid:
        advice = f"unless it is being built now: reindex index concurrently {plan.schema_name}.{name};"
        yield Finding("indexes", "error", f"index `{name}` is invalid: its build was broken off", advice)
    if not missing and not invalid and catalog.queues:
        yield Finding("indexes", "ok", f"{len(wanted) + len(lanes)} of the plan are there")


def _wanted(plan: Plan, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Name and definition of the indexes that belong to the queues' tables."""
    for queue in plan.queues.values():
        for table in queue.tables:
            if table.name in catalog.tables:
                for found in _CREATE_INDEX.finditer(table.sql):
                    yield found[1].strip('"'), found[0]
