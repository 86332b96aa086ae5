"""`Event`: payloads in and out, and what a `where` asks of one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from pgconductor.api.event import Event
from pgconductor.api.match import LONGEST
from pgconductor.api.model import JsonValue, Model
from pgconductor.errors import ValidationError

ID = UUID("018f2f3e-0000-7000-8000-00000000abcd")


class Address(Model, frozen=True):
    street: str
    country: str = "DE"


class Color(Enum):
    RED = "red"


class Paid(Model, frozen=True):
    id: UUID = ID
    at: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    took: timedelta = timedelta(minutes=1)
    amount: Decimal = Decimal("1.50")
    key: bytes = b"\xff"
    address: Address = Address(street="Elm 1")
    color: Color = Color.RED
    copies: int = Field(default=1, ge=1)
    share: float = 0.5
    note: str | None = None
    extra: JsonValue = None


PAID = Event("order.paid", Paid)


@pytest.mark.parametrize("field", list(Paid.model_fields))
def test_a_field_is_matched_as_the_payload_writes_it(field: str) -> None:
    payload = Paid()
    assert PAID.match({field: getattr(payload, field)}) == {field: json.loads(PAID.encode(payload))[field]}


def test_values_are_read_as_their_fields_type() -> None:
    assert PAID.match({"id": str(ID).upper(), "amount": 2, "copies": "3"}) == {
        "id": str(ID),
        "amount": "2",
        "copies": 3,
    }
    assert PAID.match({"address": {"street": "Elm 1"}}) == {"address": {"street": "Elm 1", "country": "DE"}}
    assert PAID.match(None) == PAID.match({}) == {}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"ammount": 1}, r"event `order\.paid` has no field `ammount`; did you mean `amount`\?"),
        ({"id": "seven"}, "`id` .* valid UUID"),
        ({"copies": 0}, "`copies` .* greater than or equal to 1"),
        ({"share": float("nan")}, "`share` .* finite number"),
        ({"note": "\0"}, "NUL"),
        ({"extra": "\ud800"}, "surrogate"),
        ({"address": {"streeet": "Elm 1"}}, "`address`"),
        ({"note": "x" * LONGEST}, "more than the 2,000 that an index holds"),
    ],
)
def test_what_no_payload_can_have_is_refused_at_the_call(where: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PAID.match(where)


class Foreign(BaseModel):
    """One that writes a field under another name."""

    model_config = {"serialize_by_alias": True}
    order: int = Field(alias="orderId")
    ratio: float = 0


def test_a_users_own_model_is_matched_under_the_names_that_it_writes() -> None:
    event = Event("own", Foreign)
    assert json.loads(event.encode(Foreign(orderId=7))) == {"orderId": 7, "ratio": 0.0}
    assert event.match({"order": 7}) == {"orderId": 7}
    with pytest.raises(ValidationError, match="is not JSON"):
        event.match({"ratio": float("inf")})


def test_a_payload_beyond_the_limit_is_refused() -> None:
    assert PAID.encode(Paid(), 1_000)
    with pytest.raises(ValidationError, match="more than the 100 of `size_limit`"):
        PAID.encode(Paid(), 100)
