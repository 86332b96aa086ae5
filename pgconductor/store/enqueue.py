"""Enqueueing: what is asked for as values, the statements that do it, and what their rows mean. Nothing here runs them.

Plain executions are inserted. Those with a supplied id, a dedupe key, a throttle or a debounce slot go through the SQL
function `enqueue`, which takes locks; they are sent in one order of locks, so that two bulk calls cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pgconductor.store.json_array import JsonArray
from pgconductor.store.query import Query, Rows
from pgconductor.store.statements import statement
from pgconductor.store.uuids import UuidArray


class Terms(NamedTuple):
    """What an execution is enqueued under, apart from its id and payload.

    Attributes:
        task: the task's key.
        run_at, delay_ms: when it is due; now, if both are None.
        key: of dedupe, or of the throttle or debounce slot.
        kept: whether it can be found after it ended; if not, an enqueue whose reply was lost cannot be sent again.
    """

    task: str
    queue: str
    version: int
    priority: int
    run_at: datetime | None = None
    delay_ms: int | None = None
    key: str | None = None
    throttle_ms: int | None = None
    debounce_ms: int | None = None
    tags: tuple[str, ...] | None = None
    kept: bool = True

    @property
    def keyed(self) -> bool:
        return self.key is not None or self.throttle_ms is not None or self.debounce_ms is not None


class Item(NamedTuple):
    """One execution to be enqueued.

    Attributes:
        id: 16 bytes.
        supplied: the id is the caller's, and may be known already.
    """

    id: bytes
    payload: bytes
    terms: Terms
    supplied: bool = False

    @property
    def guarded(self) -> bool:
        """Whether other executions decide about it."""
        return self.supplied or self.terms.keyed


class EnqueueRequest:
    """The statements that enqueue `items`, all or nothing.

    Args:
        again: they were sent before and the reply was lost: enqueue only what is not there.
    """

    def __init__(self, schema: str, items: Sequence[Item], *, again: bool = False) -> None:
        self._items = [item._replace(supplied=True) for item in items] if again else items
        self._guarded = _in_lock_order(item for item in self._items if item.guarded)
        self.queries = tuple(self._queries(schema))

    def ids(self, replies: Sequence[Rows]) -> list[bytes | None]:
        """The id of each item's execution, in order, from the rows of `queries`; None for a throttled one."""
        if not self._guarded:
            return [item.id for item in self._items]
        found = {item.id: row[0] for item, row in zip(self._guarded, replies[-1], strict=True)}
        return [found.get(item.id, item.id) for item in self._items]

    def _queries(self, schema: str) -> Iterator[Query]:
        plain = [item for item in self._items if not item.guarded] if self._guarded else self._items
        if plain:
            yield _insert(schema, plain)
        if self._guarded:
            yield _enqueue(schema, self._guarded)


def _in_lock_order(items: Iterable[Item]) -> list[Item]:
    distinct: dict[bytes, Item] = {}
    for item in items:
        distinct.setdefault(item.id, item)
    # Equal keys stay in the caller's order: sorting is stable.
    return sorted(distinct.values(), key=_lock_order)


def _lock_order(item: Item) -> tuple[str, str, str, bytes]:
    terms = item.terms
    kind = "throttle" if terms.throttle_ms else "debounce" if terms.debounce_ms else "dedupe"
    return (terms.task, kind, terms.key or "", b"" if terms.keyed else item.id)


def _insert(schema: str, items: Sequence[Item]) -> Query:
    values: dict[str, Any] = {
        "ids": UuidArray([item.id for item in items]),
        "payloads": JsonArray([item.payload for item in items]),
    }
    distinct, values["terms"] = _share([item.terms for item in items])
    terms = distinct[0]
    if len(distinct) > 1 or terms.run_at is not None or terms.delay_ms:
        return Query(statement("enqueue_mixed", schema), values | _columns(distinct))
    values |= {
        "task": terms.task,
        "queue": terms.queue,
        "version": terms.version,
        "priority": terms.priority,
        "tags": _array(terms.tags),
    }
    return Query(statement("enqueue_alike", schema, terms.queue), values)


def _enqueue(schema: str, items: Sequence[Item]) -> Query:
    distinct, terms = _share([item.terms for item in items])
    values = {
        "ids": UuidArray([item.id for item in items]),
        "payloads": JsonArray([item.payload for item in items]),
        "terms": terms,
        "supplied": UuidArray([item.id for item in items if item.supplied]),
        "keys": [terms.key for terms in distinct],
        "throttles": [terms.throttle_ms for terms in distinct],
        "debounces": [terms.debounce_ms for terms in distinct],
    }
    return Query(statement("enqueue_guarded", schema), values | _columns(distinct))


def _share(terms: Sequence[Terms]) -> tuple[list[Terms], list[int]]:
    """The different terms, and for each item the position of its own, from 1."""
    positions: dict[Terms, int] = {}
    indexes = [positions.setdefault(each, len(positions) + 1) for each in terms]
    return list(positions), indexes


def _columns(distinct: Sequence[Terms]) -> dict[str, Any]:
    return {
        "tasks": [terms.task for terms in distinct],
        "queues": [terms.queue for terms in distinct],
        "versions": [terms.version for terms in distinct],
        "priorities": [terms.priority for terms in distinct],
        "run_ats": [terms.run_at for terms in distinct],
        "delays": [terms.delay_ms for terms in distinct],
        "tags": [_array(terms.tags) for terms in distinct],
    }


def _array(tags: tuple[str, ...] | None) -> str | None:
    """The text of a text[] value: arrays of arrays cannot be ragged, arrays of such texts can."""
    if tags is None:
        return None
    quoted = (tag.replace("\\", r"\\").replace('"', r"\"") for tag in tags)
    return "{" + ",".join(f'"{tag}"' for tag in quoted) + "}"


def shared_terms(items: Sequence[Item]) -> tuple[dict[str, Any], list[int]]:
    """The different terms of items as columns, and for each item the position of its own, from 1."""
    distinct, positions = _share([item.terms for item in items])
    return _columns(distinct), positions
