"""No text of conductor.toml ever becomes anything but data in what is generated."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pgconductor.api.events import RowInserted
from pgconductor.build.compile import compile_plan
from pgconductor.build.python.text import cleaned
from pgconductor.build.render import render
from pgconductor.config.model import Config, CronTrigger, Event, Generate, Queue, TableTrigger, Task
from pgconductor.config.types import Constrained, Enum, Field, Fields, Generic, Json, LiteralType, Scalar, Shared
from pgconductor.plan.model import Plan

FRAGMENTS = [
    '"', "'", '"""', "'''", "\\", "\\\n", "\n", "\r", "\t", " ", "\x1b[2J", "\x7f", "{{ 1 }}", "{% raw %}", "{#", "$$",
    "$a$", "--", "/*", "*/", ";", "#", "# fmt: off", "# type: ignore", "%(id)s", "%", "\u2028", "\u202e", "\u00a0", "é",
    "你", "😀", "\\N{DASH}", "import os", "__import__('os')", "${HOME}", "<script>", "\ufeff", "\u0301",
]  # fmt: skip
texts = (
    st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=8).map("".join).filter(lambda t: "\0" not in t)
)
texts_of_some = texts.filter(bool)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
# What `[]` and quotes around identifiers in a catalogue allow.
columns = st.lists(texts_of_some.filter(str.isprintable), min_size=1, max_size=5, unique=True)

_numbers = count()


@contextmanager
def imported(config: Config, folder: Path) -> Iterator[SimpleNamespace]:
    """The generated package's modules, imported."""
    package = f"made{next(_numbers)}"
    config = config.model_copy(update={"generate": Generate(package=package, source_root=".")})
    files = render(compile_plan(config), config)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
        if path.endswith(".py"):
            ast.parse(text)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        names = ("models", "tasks", "client", "_bindings")
        modules = {name.strip("_"): importlib.import_module(f"{package}.{name}") for name in names}
        plan = Plan.from_json(files[f"{package}/plan.json"])
        yield SimpleNamespace(**modules, plan=plan, folder=folder / package)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]


def config_of(task: dict[str, Any], **more: Any) -> Config:
    return Config(
        path=Path("conductor.toml").absolute(),
        format=1,
        name="hostile",
        generate=Generate(package="made", source_root="."),
        queues={"default": Queue(name="default")},
        tasks={"work": Task(name="work", key="work", **task)},
        sources={},
        **more,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@settings(max_examples=60)
@given(
    description=texts,
    deprecated=texts_of_some,
    note=texts,
    pattern=texts,
    choices=st.lists(texts, min_size=1, unique=True),
)
def test_texts_come_back_equal(
    description: str, deprecated: str, note: str, pattern: str, choices: list[str], folder: Path
) -> None:
    fields = Fields(
        (
            Field("a", Scalar("str"), False, note, description=description),
            Field("b", LiteralType(tuple(choices)), False, choices[0]),
            Field("c", Constrained(Scalar("str"), (("pattern", pattern), ("max_length", 9))), False, None),
            Field("d", Shared("Choice"), False, choices[-1]),
        )
    )
    task = {"payload": fields, "description": description, "deprecated": deprecated}
    with imported(config_of(task, types={"Choice": Enum(tuple(choices))}), folder) as made:
        found = made.models.WorkPayload.model_fields
        assert found["a"].description == description
        assert found["a"].default == note
        assert found["b"].default == choices[0]
        assert found["d"].default == choices[-1]
        assert get_args(found["b"].annotation) == tuple(choices)
        assert get_args(made.models.Choice) == tuple(choices)
        assert [item.pattern for item in found["c"].metadata if hasattr(item, "pattern")] == [pattern]
        method = vars(made.client.Conductor)["work"].fget
        assert method.__deprecated__ == deprecated
        said = "\n".join(cleaned(description)) or "Task `work` on queue `default`."
        assert inspect.cleandoc(method.__doc__) == inspect.cleandoc(said)
        assert made.plan.tasks["work"].description == description


@settings(max_examples=60)
@given(value=json_values, texts=st.lists(texts, max_size=3), keyed=st.dictionaries(texts, texts, max_size=3))
def test_defaults_come_back_equal(value: Json, texts: list[str], keyed: dict[str, Json], folder: Path) -> None:
    json_texts: list[Json] = [*texts]
    fields = Fields(
        (
            Field("a", Scalar("json"), False, value),
            Field("b", Generic("list", Scalar("str")), False, json_texts),
            Field("c", Generic("dict", Scalar("str")), False, keyed),
            Field("d", Generic("tuple", Scalar("any")), False, [value]),
        )
    )
    with imported(config_of({"payload": fields}), folder) as made:
        payload = made.models.WorkPayload()
        assert (payload.a, payload.b, payload.c, payload.d) == (value, texts, keyed, (value,))
        assert made.tasks.work.decode(made.tasks.work.encode(payload)) == payload


@settings(max_examples=60)
@given(table=texts_of_some, columns=columns, description=texts, payload=st.dictionaries(texts, json_values, max_size=3))
def test_names_of_tables_and_columns_come_back_equal(
    table: str, columns: list[str], description: str, payload: dict[str, Any], folder: Path
) -> None:
    triggers = {
        "rows": TableTrigger(table=table, on=("insert",), columns=dict.fromkeys(columns)),
        "tick": CronTrigger(expression="0 9 * * *", timezone="UTC", payload=payload),
    }
    event = Event(name="work.done", description=description)
    with imported(config_of({"triggers": triggers}, events={"work.done": event}), folder) as made:
        row = made.models.WorkRowsRow
        assert [field.alias or name for name, field in row.model_fields.items()] == columns
        assert row.model_validate(dict.fromkeys(columns, 1)).model_dump(by_alias=True) == dict.fromkeys(columns, 1)
        [inserted] = [member for member in get_args(made.tasks.WorkEvent) if member.__origin__ is RowInserted]
        assert get_args(get_args(inserted)[0]) == (table,)
        assert inspect.getdoc(made.models.WorkDone) == (
            inspect.cleandoc("\n".join(cleaned(description))) or "Event `work.done`."
        )
        assert made.plan.tasks["work"].triggers["tick"].payload == payload


# An example takes half a second: too long to look for a smaller one.
@settings(max_examples=12, phases=[phase for phase in Phase if phase is not Phase.shrink])
@given(found=st.lists(st.tuples(texts, json_values), min_size=5, max_size=15), description=texts)
def test_ruff_format_leaves_any_text_alone(found: list[tuple[str, Json]], description: str, folder: Path) -> None:
    described = [
        Field(f"field_{index}", Generic("dict", Scalar("json")), False, {text: value}, description=text)
        for index, (text, value) in enumerate(found)
    ]
    chosen = Field("choice", LiteralType(tuple({text for text, _ in found})), False, found[0][0])
    one = Field("one", Generic("list", LiteralType((found[0][0],))))
    task = {
        "payload": Fields((*described, chosen, one)),
        "description": description,
        "deprecated": description or False,
    }
    with imported(config_of(task), folder) as made:
        for width in ("79", "88", "120"):
            command = ["format", "--isolated", "--no-cache", "--diff", "--line-length", width, str(made.folder)]
            done = subprocess.run([sys.executable, "-m", "ruff", *command], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout


@given(texts)
def test_a_cleaned_text_has_the_same_words_and_is_clean(text: str) -> None:
    once = "\n".join(cleaned(text))
    assert once.split() == text.split()
    assert "\n".join(cleaned(once)) == once
