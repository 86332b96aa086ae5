"""Several files that make one configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pgconductor.config import Diagnostic, load
from tests.config.cases import HEAD
from tests.config.conftest import Write

Problems = Callable[..., tuple[Diagnostic, ...]]


def including(*patterns: str) -> str:
    return HEAD.replace("name", f"include = {list(patterns)}\nname".replace("'", '"'))


def test_files_are_merged_by_name_in_the_order_of_their_paths(write: Write) -> None:
    files = {
        "src/b/conductor.toml": "[tasks.b]\nqueue = 'shared'\n",
        "src/a/conductor.toml": "[queues.shared]\n[tasks.a]\npayload = { x = 'Shared' }\n",
        "src/c/other.toml": "this is not read",
    }
    config = load(write(including("src/*/conductor.toml") + "[tasks.z]\n[types.Shared]\na = 'int'\n", files))
    assert list(config.tasks) == ["z", "a", "b"]
    assert list(config.sources) == ["conductor.toml", "src/a/conductor.toml", "src/b/conductor.toml"]


def test_a_pattern_may_match_nothing_yet(write: Write) -> None:
    assert load(write(including("src/*/conductor.toml"))).tasks == {}


def test_a_file_that_two_patterns_match_is_read_once(write: Write) -> None:
    config = load(write(including("more/*.toml", "**/a.toml", "more/a.toml"), {"more/a.toml": "[tasks.a]\n"}))
    assert list(config.tasks) == ["a"]


def test_the_root_file_does_not_include_itself(write: Write) -> None:
    assert list(load(write(including("*.toml", "**/*.toml") + "[tasks.a]\n")).tasks) == ["a"]


def test_a_schema_is_found_beside_the_file_that_names_it(write: Write) -> None:
    files = {
        "mail/tasks.toml": "[tasks.a]\npayload = 'a.json'\n",
        "mail/a.json": '{"properties": {"x": {"type": "integer"}}, "required": ["x"]}',
    }
    config = load(write(including("mail/tasks.toml"), files))
    assert "mail/a.json" in config.sources
    assert str(config.tasks["a"].payload) == str(config.tasks["a"].payload)
    assert config.tasks["a"].payload.schema == "mail/a.json"  # type: ignore[union-attr]


def test_a_file_that_cannot_be_read_makes_no_noise_elsewhere(problems: Problems) -> None:
    """What it would have declared is not called unknown, and what is wrong for itself is still told."""
    text = including("more/*.toml") + (
        "[tasks.a]\nqueue = 'mails'\npriority = 'x'\npayload = { to = 'Address' }\n"
        "triggers.e = { event = 'order.paid' }\n[env.prod.tasks.b]\npriority = 1\n"
        "[[moved]]\ntask = { from = 'old', to = 'b' }\n"
    )
    found = problems(text, files={"more/a.toml": "[queues.mails", "more/b.toml": "[types.A]\nx = 1\n"})
    assert [(item.code, item.place.file) for item in found] == [
        ("CFG103", "conductor.toml"),
        ("CFG001", "more/a.toml"),
        ("CFG103", "more/b.toml"),
    ]


def test_duplicates_of_every_kind_are_told_with_both_places(problems: Problems) -> None:
    both = "[types.A]\nx = 'int'\n[events.e]\n[queues.q]\n[tasks.t]\n"
    found = problems(including("more/*.toml") + both, files={"more/a.toml": both, "more/b.toml": both})
    assert [item.code for item in found] == ["CFG701"] * 8
    assert {item.place.file for item in found} == {"more/a.toml", "more/b.toml"}
    assert {item.related.place.file for item in found if item.related} == {"conductor.toml"}


@pytest.mark.parametrize("pattern", ["", "/etc/x.toml", "missing.toml", "sub", "a\\u0000b"])
def test_what_cannot_be_included(pattern: str, problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (found,) = problems(HEAD.replace("name", f'include = ["{pattern}"]\nname'))
    assert found.code in ("CFG703", "CFG106")
