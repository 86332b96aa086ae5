"""The methods of `emit` of generated clients, one emitter an event."""

from __future__ import annotations

from typing import Generic
from uuid import UUID

from typing_extensions import TypeVar

from pgconductor.api.drive import drive
from pgconductor.api.event import Event
from pgconductor.client.invoker import Linked
from pgconductor.client.options import read_id
from pgconductor.errors import ValidationError
from pgconductor.store.emission import Emission
from pgconductor.store.uuid7 import uuid7_bytes

P = TypeVar("P")


class BaseEmitters:
    """The events of one conductor: what its `emit` is made of."""

    def __init__(self, conductor: Linked) -> None:
        self._conductor = conductor


class _Emitter(Generic[P]):
    """One event of one conductor."""

    def __init__(self, conductor: Linked, event: Event[P]) -> None:
        self.event = event
        self._link = conductor.link
        self._retention_ms = conductor.plan.events[event.name].retention_ms
        self._size_limit = conductor.plan.size_limit

    async def _emit(self, payload: P, id: UUID | str | None) -> UUID:
        body = self.event.encode(payload, self._size_limit)
        emission = Emission(self.event.name, body, self._id(id), self._retention_ms)
        await self._link.emit(emission)
        return emission.id

    def _id(self, supplied: UUID | str | None) -> UUID:
        if supplied is None:
            return UUID(bytes=uuid7_bytes(1)[0])
        if not self._retention_ms:
            raise ValidationError(
                f'`id` of event `{self.event.name}`: its retention is "0s", so nobody would know that it was emitted '
                "before; leave out the id, or give the event a retention"
            )
        return UUID(bytes=read_id(supplied))

    def _empty(self) -> P:
        return self.event.payload()


class Emitter(_Emitter[P]):
    """Emits one event.

    Example:
        >>> await conductor.emit.order_paid(OrderPaid(order_id=7))  # doctest: +SKIP
    """

    async def __call__(self, payload: P, /, *, id: UUID | str | None = None) -> UUID:
        """Tell everybody who waits for it now. Emitting to nobody is fine.

        Args:
            payload: of the event's model.
            id: of the event: the same id twice is one event, for as long as the event's retention.

        Returns:
            The event's id.

        Raises:
            ValidationError: the payload or the id is refused; nothing was emitted.
            DatabaseUnreachable: no connection was to be had; the message says whether it may have been emitted.
            SchemaMismatch: the database does not know the event; `pgconductor apply` tells it.
        """
        return await self._emit(payload, id)


class OptionalEmitter(Emitter[P]):
    """`Emitter` of an event whose payload may be left out."""

    async def __call__(self, payload: P | None = None, /, *, id: UUID | str | None = None) -> UUID:
        """As `Emitter`."""
        return await self._emit(self._empty() if payload is None else payload, id)


class SyncEmitter(_Emitter[P]):
    """`Emitter`, without await."""

    def __call__(self, payload: P, /, *, id: UUID | str | None = None) -> UUID:
        """As `Emitter`."""
        return drive(self._emit(payload, id))


class SyncOptionalEmitter(SyncEmitter[P]):
    """`SyncEmitter` of an event whose payload may be left out."""

    def __call__(self, payload: P | None = None, /, *, id: UUID | str | None = None) -> UUID:
        """As `Emitter`."""
        return drive(self._emit(self._empty() if payload is None else payload, id))
