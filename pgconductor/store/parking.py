"""The parameters of parking: executions, their new waits, and the children of those, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pgconductor.store.enqueue import shared_terms
from pgconductor.store.json_array import JsonArray
from pgconductor.store.records import Wait
from pgconductor.store.steps import match_columns
from pgconductor.store.uuids import UuidArray

if TYPE_CHECKING:
    from pgconductor.store.settlement import Suspended


def park_columns(parked: Sequence[Suspended]) -> dict[str, Any]:
    """For `park.sql`: one row an execution, and one for each wait that is new."""
    waits = [(one.id, wait) for one in parked for wait in one.waits]
    matches = [match_columns(wait.match) for _, wait in waits]
    return {
        "ids": UuidArray([one.id for one in parked]),
        "leases": [one.lease for one in parked],
        "asleep": [_only_sleeps(one) for one in parked],
        "delays": [min((w.delay_ms for w in one.waits if w.delay_ms is not None), default=None) for one in parked],
        "wake_ats": [_earliest(one) for one in parked],
        "wait_ids": UuidArray([id for id, _ in waits]),
        "names": [wait.name for _, wait in waits],
        "kinds": [wait.kind for _, wait in waits],
        "positions": [wait.position for _, wait in waits],
        "attempts": [one.attempt for one in parked for _ in one.waits],
        "wait_delays": [wait.delay_ms for _, wait in waits],
        "untils": [wait.until for _, wait in waits],
        "pendings": [len(wait.children) or None for _, wait in waits],
        "max_parallels": [wait.max_parallel for _, wait in waits],
        "targets": [wait.target for _, wait in waits],
        "keys": [keys for keys, _ in matches],
        "matches": [values for _, values in matches],
        "children": [_id_array([child.id for child in wait.children]) for _, wait in waits],
    }


def spawn_columns(children: Sequence[tuple[bytes, Wait, int]]) -> dict[str, Any]:
    """For `spawn.sql`.

    Args:
        children: each by its parent, the wait that it belongs to, and its position there.
    """
    items = [wait.children[position] for _, wait, position in children]
    distinct, terms = shared_terms(items)
    return {
        "ids": UuidArray([item.id for item in items]),
        "payloads": JsonArray([item.payload for item in items]),
        "terms": terms,
        "parents": UuidArray([parent for parent, _, _ in children]),
        "steps": [wait.name for _, wait, _ in children],
        "held": [wait.max_parallel is not None and position >= wait.max_parallel for _, wait, position in children],
        **distinct,
    }


def _only_sleeps(one: Suspended) -> bool:
    kinds = {wait.kind for wait in one.waits} | {record.kind for record in one.waited}
    return kinds == {"sleep"}


def _earliest(one: Suspended) -> Any:
    moments = [wait.until for wait in one.waits if wait.until is not None]
    moments += [record.wake_at for record in one.waited if record.wake_at is not None]
    return min(moments, default=None)


def _id_array(ids: Sequence[bytes]) -> str | None:
    """The text of a uuid[]: arrays of arrays cannot be ragged, arrays of such texts can."""
    return "{" + ",".join(id.hex() for id in ids) + "}" if ids else None
