"""The schema for editors: what is valid passes, what is misspelt does not, and every key has its help."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel

from pgconductor.config import application, declarations, environment, limits, queues, retry, tasks, triggers
from pgconductor.config.editor import schema
from pgconductor.config.load import TABLES, declared_names
from pgconductor.config.model import (
    Batch,
    Config,
    CronTrigger,
    Database,
    Dedupe,
    Dev,
    Event,
    EventTrigger,
    Generate,
    Overrides,
    Pool,
    Queue,
    RateLimit,
    Retention,
    Retry,
    TableTrigger,
    Task,
)
from pgconductor.config.scope import Names
from pgconductor.config.shape import Shape
from pgconductor.config.valuecheck import to_json
from tests.config.cases import CASES, HEAD
from tests.config.conftest import Write

REPOSITORY = Path(__file__).parents[2]
VALID = [
    "conductor.toml",
    "benchmarks/conductor.toml",
    "examples/dask/conductor.toml",
    "tests/build/shop/conductor.toml",
    "tests/config/data/kitchen_sink.toml",
    "tests/typing/names.toml",
]
# The keywords that both Taplo and Tombi know.
KNOWN = {
    "$schema", "$ref", "title", "description", "default", "examples", "definitions",
    "type", "enum", "pattern", "minLength", "minimum", "maximum",
    "items", "minItems", "maxItems", "uniqueItems",
    "properties", "patternProperties", "additionalProperties", "required", "anyOf",
}  # fmt: skip
# Codes of what a schema can see. Others are about what goes with what, or inside of a text.
SEEN = {"CFG101", "CFG103", "CFG201", "CFG202", "CFG302"}
UNSEEN = {"unknown table in an included file"}  # of the other schema


def errors(path: Path, *, whole: bool = True) -> list[str]:
    """What an editor would underline."""
    names, _ = declared_names(path)
    data = to_json(tomllib.loads(path.read_text()))
    return [error.message for error in Draft7Validator(schema(names, whole=whole)).iter_errors(data)]


def nodes(found: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    if isinstance(found, dict):
        yield found
        for key, value in found.items():
            if key in ("properties", "patternProperties", "definitions"):
                for inner in value.values():
                    yield from nodes(inner)
            elif key in ("items", "additionalProperties", "anyOf"):
                yield from nodes(value)
    elif isinstance(found, list):
        for item in found:
            yield from nodes(item)


@pytest.fixture(scope="module")
def shop() -> dict[str, Any]:
    names = Names(queues={"default", "mail"}, types={"Plan"}, events={"order.paid"}, tasks={"send"})
    return schema(names)


@pytest.mark.parametrize("path", VALID)
def test_valid_configurations_are_valid(path: str) -> None:
    assert errors(REPOSITORY / path) == []


def test_an_included_file_has_a_schema_of_its_own(write: Write) -> None:
    assert errors(REPOSITORY / "tests/config/data/more/b.toml", whole=False) == []
    assert errors(write(HEAD), whole=False) != []
    assert errors(write("[queues.mail]\nprocesess = 2\n"), whole=False) != []


def seen() -> list[str]:
    return [name for name, case in CASES.items() if SEEN & set(case.codes) and name not in UNSEEN]


@pytest.mark.parametrize("name", seen())
def test_what_is_misspelt_is_underlined(name: str, write: Write) -> None:
    assert errors(write(CASES[name].toml, CASES[name].files))


def test_the_schema_is_one_of_draft_7_with_what_both_editors_know(shop: dict[str, Any]) -> None:
    Draft7Validator.check_schema(shop)
    assert {key for node in nodes(shop) for key in node} <= KNOWN
    assert all(isinstance(node.get("type", ""), str) for node in nodes(shop)), "no lists of types"


def test_patterns_are_of_a_kind_that_every_engine_has(shop: dict[str, Any]) -> None:
    patterns = {node["pattern"] for node in nodes(shop) if "pattern" in node}
    patterns |= {name for node in nodes(shop) for name in node.get("patternProperties", {})}
    assert len(patterns) > 15
    for pattern in patterns:
        re.compile(pattern)
        assert not re.search(r"\(\?[=!<P]|\\[AZz]|(?<!\\)\\[1-9]", pattern), pattern
        assert pattern.startswith("^")
        assert pattern.endswith("$")


def test_names_of_the_project_are_choices(shop: dict[str, Any]) -> None:
    task = next(iter(shop["properties"]["tasks"]["patternProperties"].values()))
    assert task["properties"]["queue"]["enum"] == ["default", "mail"]
    kinds = next(iter(task["properties"]["triggers"]["patternProperties"].values()))["anyOf"]
    assert kinds[1]["properties"]["event"]["enum"] == ["order.paid"]
    assert "Plan" in shop["definitions"]["type"]["anyOf"][0]["enum"]
    prod = next(iter(shop["properties"]["env"]["patternProperties"].values()))
    assert list(prod["properties"]["tasks"]["properties"]) == ["send"]
    assert list(prod["properties"]["queues"]["properties"]) == ["default", "mail"]


def test_names_are_known_while_the_file_is_wrong(write: Write) -> None:
    names, included = declared_names(write(HEAD + "[queues.mail]\nx = 1\n[tasks.send]\nqueue = 5\n"))
    assert (names.queues, names.tasks, included) == ({"default", "mail"}, {"send"}, ())


def test_every_key_has_a_text_to_show(shop: dict[str, Any]) -> None:
    count = 0
    for node in nodes(shop):
        for name, inner in node.get("properties", {}).items():
            named = "patternProperties" in node or (inner.get("additionalProperties") is False and name == "send")
            if named or name in ("default", "mail"):
                continue
            assert inner.get("description"), name
            assert inner["description"].endswith((".", '"')), inner["description"]
            count += 1
    assert count > 200


def test_every_table_is_in_the_schema(shop: dict[str, Any]) -> None:
    assert set(shop["properties"]) == set(TABLES)


# Shape, model, and the fields that are no keys.
MODELS: list[tuple[Shape, type[BaseModel], set[str]]] = [
    (tasks.TASK, Task, {"name"}),
    (tasks._RETENTION, Retention, set()),
    (queues.QUEUE, Queue, {"name"}),
    (declarations.EVENT, Event, {"name"}),
    (application.DATABASE, Database, set()),
    (application._POOL, Pool, set()),
    (application.GENERATE, Generate, set()),
    (application.DEV, Dev, set()),
    (environment.ENVIRONMENT, Overrides, set()),
    (limits._DEDUPE, Dedupe, set()),
    (limits._BATCH, Batch, set()),
    (limits._RATE_LIMIT, RateLimit, {"count", "per_ms"}),
    (retry._SHAPE, Retry, {"delays_ms"}),
    (triggers._BY_KIND["cron"], CronTrigger, {"kind"}),
    (triggers._BY_KIND["event"], EventTrigger, {"kind"}),
    (triggers._BY_KIND["table"], TableTrigger, {"kind"}),
]


@pytest.mark.parametrize(("shape", "model", "others"), MODELS, ids=lambda value: getattr(value, "__name__", ""))
def test_every_field_of_the_model_is_a_key_of_the_schema(
    shape: Shape, model: type[BaseModel], others: set[str]
) -> None:
    assert model.model_fields.keys() - others <= {key.field for key in shape.keys.values()}
    assert shape.schema(Names())["properties"].keys() == shape.keys.keys()


def test_every_field_of_the_application_is_a_table_or_a_key() -> None:
    keys = {key.field for key in application.CONDUCTOR.keys.values()}
    assert Config.model_fields.keys() - keys - {*TABLES, "environments"} == {"path", "sources"}


def test_defaults_are_written_as_a_person_would(shop: dict[str, Any]) -> None:
    queue = next(iter(shop["properties"]["queues"]["patternProperties"].values()))["properties"]
    assert [queue[name]["default"] for name in ("worker_concurrency", "lease", "executor")] == [10, "30s", "async"]
    assert queue["paused_on_create"]["default"] is False
    assert "default" not in shop["properties"]["conductor"]["properties"]["name"]
