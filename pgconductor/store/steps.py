"""Memoised steps: saved in batches, fenced by worker and lease, and loaded for the executions that have any."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import AsyncConnection

from pgconductor.store.bigints import BigintArray
from pgconductor.store.json_array import JsonArray
from pgconductor.store.query import Query
from pgconductor.store.records import Child, Kind, Note, Progress, Recorded, StepResult
from pgconductor.store.statements import statement
from pgconductor.store.texts import TextArray
from pgconductor.store.uuids import UuidArray


class Unsaved(NamedTuple):
    """An execution that is somebody else's by now, or, with a reason, one that was saved and asked to stop."""

    id: bytes
    lease: int
    reason: str | None


class Steps:
    """The statements that write what runs leave, on one connection.

    Each is fenced: of an execution that this worker no longer holds under that lease nothing is written.
    """

    def __init__(self, connection: AsyncConnection, schema: str, queue: str, worker: int) -> None:
        self._schema = schema
        self._queue = queue
        self._worker = worker
        self._connection = connection
        self._cursor = connection.cursor(binary=True)

    async def save(self, steps: Sequence[StepResult]) -> list[Unsaved]:
        """Memoise plain steps, all or, on an error, none. Those that a lost reply left there already stay."""
        query = save_query(self._schema, self._queue, self._worker, "step", steps)
        try:
            await self._cursor.execute(query.text, query.values, prepare=True)
        except psycopg.errors.UniqueViolation:
            return await self._save_rest(steps)
        return [Unsaved(*row) for row in await self._cursor.fetchall()]

    async def _save_rest(self, steps: Sequence[StepResult]) -> list[Unsaved]:
        recorded = await load_recorded(self._connection, self._schema, [step.id for step in steps])
        known = {(id, record.name): record.result for id, records in recorded.items() for record in records}
        rest = [step for step in steps if (step.id, step.name) not in known]
        unsaved = await self.save(rest) if rest else []
        # What an attempt was saving while it was stopped may be there only since this one began without it: whoever
        # goes on with another value than later runs will find has to begin again.
        others = [
            step for step in steps if known.get((step.id, step.name), step.result.decode()) != step.result.decode()
        ]
        return unsaved + [Unsaved(step.id, step.lease, None) for step in others]

    async def note(self, notes: Sequence[Note]) -> None:
        """Add to the history of executions."""
        await self._write("note_history", notes, {"kinds": "kind", "details": "detail"})

    async def report(self, progress: Sequence[Progress]) -> None:
        """Write how far executions are."""
        await self._write("save_progress", progress, {"dones": "done", "totals": "total", "notes": "note"})

    async def _write(self, verb: str, items: Sequence[Note | Progress], columns: dict[str, str]) -> None:
        values: dict[str, Any] = {
            "worker": self._worker,
            "ids": UuidArray([item.id for item in items]),
            "leases": [item.lease for item in items],
        }
        for parameter, attribute in columns.items():
            values[parameter] = [getattr(item, attribute) for item in items]
        await self._cursor.execute(statement(verb, self._schema, self._queue), values)


def save_query(schema: str, queue: str, worker: int, kind: Kind, steps: Sequence[StepResult]) -> Query:
    """The statement that memoises steps of one kind; its rows are `Unsaved`."""
    ids, leases, names, positions, results, took = zip(*steps, strict=True)
    values = {
        "worker": worker,
        "kind": kind,
        "ids": UuidArray(ids),
        "leases": BigintArray(leases),
        "names": TextArray(names),
        "positions": BigintArray(positions),
        "results": JsonArray(results),
        "took": BigintArray(took),
    }
    return Query(statement("save_steps", schema, queue), values)


async def load_recorded(
    connection: AsyncConnection, schema: str, ids: Sequence[bytes]
) -> dict[bytes, tuple[Recorded, ...]]:
    """What the durable calls of executions left, by execution, each in the order of its calls.

    Args:
        connection: reading uuid as bytes.
    """
    cursor = connection.cursor(binary=True)
    await cursor.execute(statement("load_steps", schema), {"ids": UuidArray(ids)}, prepare=True)
    found: dict[bytes, dict[str, Recorded]] = {}
    for execution_id, *rest in await cursor.fetchall():
        record = Recorded(*rest)
        found.setdefault(execution_id, {})[record.name] = record
    parents = [
        execution_id
        for execution_id, records in found.items()
        if any(record.kind in ("invoke", "map") and record.state == "done" for record in records.values())
    ]
    if parents:
        await _load_children(connection, schema, parents, found)
    return {execution_id: tuple(records.values()) for execution_id, records in found.items()}


async def _load_children(
    connection: AsyncConnection, schema: str, parents: Sequence[bytes], found: dict[bytes, dict[str, Recorded]]
) -> None:
    cursor = connection.cursor(binary=True)
    await cursor.execute(statement("load_children", schema), {"ids": UuidArray(parents)}, prepare=True)
    children: dict[tuple[bytes, str], list[Child]] = {}
    for execution_id, name, *rest in await cursor.fetchall():
        children.setdefault((execution_id, name), []).append(Child(*rest))
    for (execution_id, name), ended in children.items():
        records = found[execution_id]
        records[name] = records[name]._replace(children=tuple(ended))


def match_columns(match: dict[str, Any] | None) -> tuple[str | None, str | None]:
    """The sorted names of the fields as text of a text[], and the values as JSON text."""
    if match is None:
        return None, None
    keys = ",".join(json.dumps(name) for name in sorted(match))
    return "{" + keys + "}", json.dumps(match)
