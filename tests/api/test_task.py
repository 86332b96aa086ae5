"""Payloads and results between Python and JSON: strict when written, tolerant when read."""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from pgconductor.api.model import Model, Url, default
from pgconductor.api.task import Task
from pgconductor.errors import BindingError, ValidationError


class Item(Model):
    title: str
    price: float = 0.0


class Order(Model):
    customer: str
    items: list[Item] = []
    note: str | None = None


class Receipt(Model):
    number: int


class Loose(Model):
    data: Any = None
    tree: JsonValue = None


class Own(BaseModel):
    """A user's model: not frozen, lets NaN through, writes it as null."""

    price: float | None = None
    name: str = ""
    parts: list[Item] = []


class Mixed(Model):
    own: Own


def a_task(payload: Any = Order, result: Any = Receipt) -> Task[Any, Any]:
    return Task("buy", "buy", "default", payload, result)


def test_a_payload_comes_back_equal() -> None:
    order = Order(customer="Ada", items=[Item(title="tea", price=1.5)])
    assert a_task().decode(a_task().encode(order)) == order


def test_workers_ignore_fields_that_a_newer_producer_added() -> None:
    raw = '{"customer": "Ada", "added": 1, "items": [{"title": "tea", "added": 2}]}'
    assert a_task().decode(raw) == Order(customer="Ada", items=[Item(title="tea")])


def test_validate_refuses_fields_that_decode_ignores() -> None:
    with pytest.raises(ValidationError, match=r"^payload of task `buy` refused: `added`: Extra inputs"):
        a_task().validate('{"customer": "Ada", "added": 1}')


def test_every_misfit_is_named_and_no_value_is_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        a_task().decode('{"items": [{"title": 1234567}]}')
    text = str(caught.value)
    assert "`customer`: Field required" in text
    assert "`items.0.title`: Input should be a valid string" in text
    assert "1234567" not in text


@pytest.mark.parametrize("own", ["\0", "a\0b", "\\\0"])
def test_nul_is_refused_with_its_path(own: str) -> None:
    with pytest.raises(ValidationError, match=r"`items.1.title`: the text holds a NUL"):
        a_task().encode(Order(customer="Ada", items=[Item(title="tea"), Item(title=own)]))


def test_a_backslash_before_u0000_is_no_nul() -> None:
    order = Order(customer="\\u0000", note="NaN Infinity null")
    assert a_task().decode(a_task().encode(order)) == order


@pytest.mark.parametrize("value", ["\ud800", {"key": ["\udfff"]}, {"\ud800": 1}])
def test_lone_surrogates_are_refused_with_their_path(value: Any) -> None:
    with pytest.raises(ValidationError, match=r"`data[^`]*`: the text holds a lone surrogate"):
        a_task(Loose).encode(Loose(data=value))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), Decimal("NaN")])
def test_nan_within_any_is_refused_with_its_path(value: Any) -> None:
    with pytest.raises(ValidationError, match=r"`data.k.1`"):
        a_task(Loose).encode(Loose(data={"k": [0, value]}))


def test_nan_within_json_is_refused_by_the_model() -> None:
    with pytest.raises(ValueError, match="finite"):
        Loose(tree={"k": [float("nan")]})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_nan_of_a_users_own_model_is_refused_with_its_path(value: float) -> None:
    with pytest.raises(ValidationError, match=r"^payload of task `buy` refused: `price`: -?(nan|inf) is not JSON"):
        a_task(Own).encode(Own(price=value))
    with pytest.raises(ValidationError, match=r"`own.price`"):
        a_task(Mixed).encode(Mixed(own=Own(price=value)))


def test_a_null_of_a_users_own_model_is_only_a_null() -> None:
    assert a_task(Own).encode(Own(name="null")) == b'{"price":null,"name":"null","parts":[]}'


def test_nan_as_text_of_a_users_own_model_is_refused() -> None:
    class Texts(BaseModel):
        model_config = ConfigDict(ser_json_inf_nan="strings")
        price: float

    with pytest.raises(ValidationError, match="`price`"):
        a_task(Texts).encode(Texts(price=float("nan")))


def test_a_users_own_model_changed_after_validation_is_refused() -> None:
    own = Own()
    own.price = "much"  # type: ignore[assignment]
    with pytest.raises(ValidationError, match="`price`: Input should be a valid number"):
        a_task(Own).encode(own)


@pytest.mark.parametrize("value", [{"customer": "Ada"}, None, Receipt(number=1), "Ada"])
def test_another_type_than_the_payloads_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match=f"expected Order, got {type(value).__name__}"):
        a_task().encode(value)


def test_a_type_that_keeps_extra_fields_keeps_them() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        known: int

    assert a_task(Open).decode('{"known": 1, "more": 2}').model_extra == {"more": 2}


def test_aliases_of_a_users_own_model_come_back() -> None:
    class Aliased(BaseModel):
        order_id: int = Field(alias="orderId")
        total: int = Field(validation_alias="sum", serialization_alias="TOTAL")

    task = a_task(Aliased)
    order = Aliased.model_validate({"orderId": 1, "sum": 2})
    assert task.decode(task.encode(order)) == order
    assert task.decode('{"orderId": 1, "sum": 2}') == order


def test_types_other_than_models_travel_too() -> None:
    task = a_task(list[int], dict[str, timedelta])
    assert task.decode(task.encode([1, 2])) == [1, 2]
    result = {"wait": timedelta(seconds=1.5)}
    assert task.decode_result(task.encode_result(result)) == result


def test_bytes_come_back_whatever_they_are() -> None:
    class Blob(Model):
        data: bytes

    task = a_task(Blob)
    assert task.decode(task.encode(Blob(data=bytes(range(256))))).data == bytes(range(256))


def test_a_task_without_returns_has_no_result() -> None:
    task = a_task(result=None)
    assert task.result is None
    assert task.encode_result(None) is None
    assert task.decode_result(None) is None
    with pytest.raises(ValidationError, match="declares no `returns`, but its handler returned dict"):
        task.encode_result({})


def test_a_missing_result_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"^result of task `buy` refused: expected Receipt, got NoneType"):
        a_task().encode_result(None)


def test_a_reference_is_imported_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("shop_orders")
    monkeypatch.setitem(sys.modules, "shop_orders", module)
    task: Task[Order, None] = Task("buy", "buy", "default", "shop_orders:Order")
    with pytest.raises(BindingError, match="payload of task `buy`: `shop_orders:Order` cannot be imported"):
        _ = task.payload
    module.Order = Order  # type: ignore[attr-defined]
    assert task.payload is Order


def test_defaults_in_json_become_values_of_the_fields_type() -> None:
    class Settings(Model):
        wait: timedelta = default("PT1M")
        items: tuple[Item, ...] = default([{"title": "tea"}])

    assert Settings() == Settings(wait=timedelta(minutes=1), items=(Item(title="tea"),))


def test_urls_stay_as_they_were_given() -> None:
    class Link(Model):
        url: Url

    assert Link(url="https://example.org").url == "https://example.org"
    with pytest.raises(ValueError, match="valid URL"):
        Link(url="example")
