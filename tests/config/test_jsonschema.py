"""JSON Schemas, and the fields they come to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, EmailStr, Field, HttpUrl

from pgconductor.config.jsonschema import Translation
from pgconductor.config.types import Enum, Fields


def fields(schema: Any) -> dict[str, str]:
    """The fields of a schema without problems, in words."""
    translation = Translation("SendPayload")
    result = translation.whole(schema)
    assert translation.problems == []
    assert result is not None
    words = {field.name: str(field) for field in result.fields}
    for name, shared in translation.types.items():
        inner = [str(field) for field in shared.fields] if isinstance(shared, Fields) else [str(shared)]
        words[name] = "; ".join(inner)
    return words


def problems(schema: Any) -> list[tuple[str, str]]:
    translation = Translation("SendPayload")
    translation.whole(schema)
    return translation.problems


def one(schema: Any) -> str:
    """The type of a required property."""
    return fields({"properties": {"x": schema}, "required": ["x"]})["x"].removeprefix("x: ")


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "str"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": "string", "format": "uuid"}, "uuid"),
        ({"type": "string", "format": "of our own"}, "str"),
        (
            {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^a"},
            "str(min_length=1, max_length=5, pattern='^a')",
        ),
        ({"type": "integer", "minimum": 0, "exclusiveMaximum": 9}, "int(ge=0, lt=9)"),
        ({"type": "number", "multipleOf": 0.5}, "float(multiple_of=0.5)"),
        ({"type": "boolean"}, "bool"),
        ({"type": "null"}, "None"),
        ({"type": ["string", "integer", "null"]}, "str | int | None"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "list[str](min_length=1)"),
        ({"type": "array"}, "list[any]"),
        ({"type": "object"}, "dict[str, any]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"enum": ["a", 1, True]}, "Literal['a', 1, True]"),
        ({"enum": ["a", None]}, "Literal['a'] | None"),
        ({"enum": [None]}, "None"),
        ({"const": "a"}, "Literal['a']"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "int | None"),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}], "description": "d"}, "int | str"),
        ({"type": "integer", "minLength": 3, "pattern": "a"}, "int"),
        ({"type": ["string", "integer"], "minLength": 3, "minimum": 1}, "str(min_length=3) | int(ge=1)"),
        ({"type": "string", "maxItems": 3}, "str"),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "set[int]"),
        ({}, "any"),
        (True, "any"),
    ],
)
def test_what_a_property_comes_to(schema: Any, expected: str) -> None:
    assert one(schema) == expected


def test_what_may_be_left_out() -> None:
    schema = {
        "required": ["a", "d"],
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "integer"},
            "c": {"type": "integer", "default": 3},
            "d": {"type": "integer", "default": 4},
            "e": {"type": ["integer", "null"], "default": None},
        },
    }
    assert fields(schema) == {
        "a": "a: int",
        "b": "b: int | None = null",
        "c": "c: int = 3",
        "d": "d: int = 4",
        "e": "e: int | None = null",
    }


def test_objects_within_objects_become_types_of_their_own() -> None:
    address = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    schema = {
        "properties": {"home": address, "all": {"type": "array", "items": address}},
        "required": ["home", "all"],
    }
    assert fields(schema) == {
        "home": "home: SendPayloadHome",
        "all": "all: list[SendPayloadAllItem]",
        "SendPayloadHome": "city: str",
        "SendPayloadAllItem": "city: str",
    }


class Colour(BaseModel):
    name: str = "red"


class Order(BaseModel):
    """What people have: a schema that pydantic wrote."""

    to: EmailStr
    count: int = Field(ge=0, description="How many.")
    colour: Colour
    more: list[Colour] | None = None
    parent: Order | None = None
    tags: set[str]
    site: HttpUrl


def test_a_schema_that_pydantic_wrote() -> None:
    assert fields(Colour.model_json_schema()) == {"name": 'name: str = "red"'}
    assert fields(Order.model_json_schema()) == {
        "to": "to: email",
        "count": "count: int(ge=0)",
        "colour": "colour: SendPayloadColour",
        "more": "more: list[SendPayloadColour] | None = null",
        "parent": "parent: SendPayloadOrder | None = null",
        "tags": "tags: set[str]",
        "site": "site: url",
        "SendPayloadColour": 'name: str = "red"',
        "SendPayloadOrder": "to: email; count: int(ge=0); colour: SendPayloadColour; "
        "more: list[SendPayloadColour] | None = null; parent: SendPayloadOrder | None = null; "
        "tags: set[str]; site: url",
    }


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ([], ""),
        ({"type": "array"}, "/type"),
        ({"properties": []}, ""),
        ({"properties": {"a": {"type": "text"}}}, "/properties/a/type"),
        ({"properties": {"a": {"allOf": []}}}, "/properties/a"),
        ({"properties": {"a": {"if": {}}}}, "/properties/a"),
        ({"properties": {"a": {"type": "array", "prefixItems": []}}}, "/properties/a"),
        ({"properties": {"a": {"$ref": "https://example.com/a"}}}, "/properties/a/$ref"),
        ({"properties": {"a": {"$ref": "#/$defs/missing"}}}, "/properties/a/$ref"),
        ({"properties": {"a": {"enum": []}}}, "/properties/a/enum"),
        ({"properties": {"a": {"enum": [[1]]}}}, "/properties/a/enum"),
        ({"properties": {"a": {"anyOf": []}}}, "/properties/a/anyOf"),
        ({"properties": {"a": {"description": "no type"}}}, "/properties/a"),
        ({"properties": {"a": {"type": "string", "pattern": "("}}}, "/properties/a/pattern"),
        ({"properties": {"a": {"type": "string", "minLength": -1}}}, "/properties/a/minLength"),
        ({"properties": {"a": {"type": "object", "properties": {}, "additionalProperties": True}}},
         "/properties/a/additionalProperties"),
        ({"properties": {"orderId": {"type": "string"}}}, "/properties/orderId"),
        ({"properties": {"class": {"type": "string"}}}, "/properties/class"),
        ({"properties": {}, "required": ["a"]}, "/required"),
        ({"properties": {}, "required": "a"}, "/required"),
        ({"properties": {}, "$defs": {"A": {"type": "string"}}}, "/$defs/A"),
        ({"properties": {}, "$defs": {"a b": {"enum": ["x"]}, "a_b": {"enum": ["x"]}}}, "/$defs/a_b"),
        ({"properties": {}, "unevaluatedProperties": False}, ""),
        ({"properties": {}, "anyOf": [{"required": ["a"]}]}, ""),
        ({"properties": {"a": {"type": "string", "anyOf": [{"minLength": 1}]}}}, "/properties/a"),
        ({"properties": {"a": {"type": "string", "format": "email", "pattern": "a"}}}, "/properties/a/pattern"),
        ({"properties": {"a": {"type": "array", "uniqueItems": True}}}, "/properties/a/uniqueItems"),
        ({"properties": {"a": {"type": "object", "properties": {}, "minProperties": 1}}}, "/properties/a"),
    ],
)  # fmt: skip
def test_what_cannot_be_translated_and_where(schema: Any, pointer: str) -> None:
    assert [found for found, _ in problems(schema)] == [pointer]


def test_definitions_may_refer_to_each_other() -> None:
    schema = {
        "properties": {"tree": {"$ref": "#/$defs/Tree"}},
        "$defs": {
            "Tree": {"properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
            "Kind": {"enum": ["a", "b"]},
        },
    }
    assert fields(schema) == {
        "tree": "tree: SendPayloadTree | None = null",
        "SendPayloadTree": "kids: list[SendPayloadTree] | None = null",
        "SendPayloadKind": str(Enum(("a", "b"))),
    }


def test_depth_has_an_end() -> None:
    schema: Any = {"type": "string"}
    for _ in range(300):
        schema = {"type": "array", "items": schema}
    assert len(problems({"properties": {"a": schema}})) == 1


WORDS = """type properties required items enum anyOf $ref $defs string object array a b additionalProperties default
    format minimum #/$defs/a const null uuid pattern title uniqueItems maxItems"""
words = st.sampled_from(WORDS.split())
documents = st.recursive(
    words | st.integers(-3, 3) | st.booleans() | st.none() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=25,
)


@given(documents)
def test_any_json_is_fields_or_says_why_not(document: Any) -> None:
    translation = Translation("SendPayload")
    assert translation.whole(json.loads(json.dumps(document))) is not None or translation.problems
