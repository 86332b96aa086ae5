"""An event as code sees it: its name and its payload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic

from typing_extensions import TypeVar

from pgconductor.api.codec import Codec
from pgconductor.api.match import Matcher
from pgconductor.errors import ValidationError

P = TypeVar("P")


class Event(Generic[P]):
    """One event of `conductor.toml`, as module `events` of the generated package holds it.

    Args:
        name: "order.paid".
        payload: the payload's type, or "module:Class" of one that is imported at first use.

    Example:
        >>> from pgconductor.api.model import Model
        >>> class OrderPaid(Model, frozen=True):
        ...     order_id: int
        >>> order_paid: Event[OrderPaid] = Event("order.paid", OrderPaid)
        >>> order_paid.encode(OrderPaid(order_id=7))
        b'{"order_id":7}'
    """

    __slots__ = ("_matcher", "_payload", "name")

    def __init__(self, name: str, payload: type[P] | str) -> None:
        self.name: Final = name
        self._payload: Final[Codec[P]] = Codec(payload, f"payload of event `{name}`")
        self._matcher: Matcher | None = None

    def __repr__(self) -> str:
        return f"<Event {self.name}>"

    @property
    def payload(self) -> type[P]:
        """The payload's type. Raises BindingError if it is the user's own and cannot be imported."""
        return self._payload.target

    def decode(self, raw: bytes | str) -> P:
        """The payload that a stored JSON text means; unknown fields are ignored. Raises ValidationError."""
        return self._payload.decode(raw)

    def validate(self, raw: bytes | str) -> P:
        """The payload that a person's JSON text means, as strict as `encode`. Raises ValidationError."""
        return self._payload.validate(raw)

    def encode(self, payload: P, size_limit: int | None = None) -> bytes:
        """The JSON text of a payload.

        Args:
            size_limit: bytes that it may have.

        Raises:
            ValidationError: not a payload of this event, one that is no JSON (the message names the fields), or one
                that is too large.
        """
        raw = self._payload.encode(payload)
        if size_limit is not None and len(raw) > size_limit:
            raise ValidationError(
                f"payload of event `{self.name}` has {len(raw):,} bytes as JSON, more than the {size_limit:,} of "
                "`size_limit`; store it elsewhere and send its address"
            )
        return raw

    def match(self, where: Mapping[str, Any] | None) -> dict[str, Any]:
        """The fields that an awaited payload must have, as JSON.

        Raises:
            ValidationError: the payload has no such field, or a value is none that it can have.
        """
        if not where:
            return {}
        if self._matcher is None:
            self._matcher = Matcher(self.name, self.payload)
        return self._matcher.match(where)
