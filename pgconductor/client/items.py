"""From a payload and options to what the store enqueues: the one way in for clients, contexts and commands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeAlias

from typing_extensions import TypeVar

from pgconductor.api.task import Task
from pgconductor.client.options import apply_options
from pgconductor.errors import ValidationError
from pgconductor.plan.model import TaskPlan
from pgconductor.store.enqueue import Item, Terms
from pgconductor.store.uuid7 import uuid7_bytes

P = TypeVar("P")

# One statement; PostgreSQL takes up to 1 GB.
MAX_BULK_BYTES = 256 * 1024 * 1024

Options: TypeAlias = "Mapping[str, Any]"


class ItemMaker(Generic[P]):
    """Makes the items of one task. Everything is validated here: what comes out can be sent.

    Args:
        task: with the payload's type.
        plan: of the same task, with its environment's overrides.
        size_limit: bytes of JSON. A payload is held in memory by its producer, the server and a worker, several times
            over; larger things belong into storage of their own, and their address into the payload.
    """

    def __init__(self, task: Task[P, Any], plan: TaskPlan, size_limit: int) -> None:
        self.task = task
        self.plan = plan
        self._size_limit = size_limit
        retention = plan.retention
        self._terms = Terms(
            task=plan.key,
            queue=plan.queue,
            version=plan.version,
            priority=plan.priority,
            kept=0 not in (retention.completed_ms, retention.failed_ms, retention.cancelled_ms),
        )
        self._key_format = plan.dedupe.key if plan.dedupe else None

    def one(self, payload: P, options: Options) -> Item:
        """One execution.

        Raises:
            ValidationError: naming the field or option that is refused.
        """
        terms, supplied = self._under(options)
        return self._item(uuid7_bytes(1)[0], payload, terms, supplied)

    def many(self, items: Iterable[P | tuple[P, Options]], options: Options) -> list[Item]:
        """Several: payloads, or pairs of a payload and options of its own that go before the shared ones.

        Raises:
            ValidationError: naming the item's position and what is refused of it.
        """
        if options.get("id") is not None:
            raise ValidationError(f"`id` of task `{self.task.name}` names one execution; give each item its own")
        pairs = [item if isinstance(item, tuple) else (item, None) for item in items]
        shared = self._under(options)
        made: list[Item] = []
        for position, (fresh, (payload, own)) in enumerate(zip(uuid7_bytes(len(pairs)), pairs, strict=True)):
            try:
                terms, supplied = shared if own is None else self._under({**options, **own})
                made.append(self._item(fresh, payload, terms, supplied))
            except ValidationError as error:
                raise ValidationError(f"item {position}: {error}") from None
        _refuse_bulk(made)
        return made

    def _under(self, options: Options) -> tuple[Terms, bytes | None]:
        return apply_options(self._terms, options, self.task.name) if options else (self._terms, None)

    def _item(self, fresh: bytes, payload: P, terms: Terms, supplied: bytes | None) -> Item:
        body = self._encode(payload)
        if self._key_format is not None and terms.key is None:
            terms = terms._replace(key=self._declared_key(self._key_format, body))
        return Item(fresh, body, terms) if supplied is None else Item(supplied, body, terms, True)

    def _encode(self, payload: P) -> bytes:
        try:
            body = self.task.encode(payload)
        except ValidationError as error:
            if isinstance(payload, Mapping):
                model = self.task.payload.__name__
                raise ValidationError(
                    f"{error}; build {model}(...), or {model}.model_validate(data) of a dict"
                ) from None
            raise
        if len(body) > self._size_limit:
            raise ValidationError(
                f"payload of task `{self.task.name}` has {len(body):,} bytes as JSON, more than the "
                f"{self._size_limit:,} of `size_limit`; store it elsewhere and send its address"
            )
        return body

    def _declared_key(self, key_format: str, body: bytes) -> str:
        # From the JSON, not the object: SQL, which knows no Python types, must come to the same key.
        fields = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in json.loads(body).items()
        }
        terms, _ = apply_options(self._terms, {"dedupe_key": key_format.format_map(fields)}, self.task.name)
        assert terms.key is not None
        return terms.key


def _refuse_bulk(items: Sequence[Item]) -> None:
    total = sum(len(item.payload) for item in items)
    if total > MAX_BULK_BYTES:
        raise ValidationError(
            f"the payloads of one call have {total:,} bytes as JSON, more than {MAX_BULK_BYTES:,}; "
            "enqueue them in parts"
        )
