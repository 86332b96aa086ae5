"""Where things stand is found after the configuration was read, in whatever file they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgconductor.config import load
from pgconductor.config.locate import Places
from pgconductor.config.node import At
from tests.config.cases import HEAD
from tests.config.conftest import Write

TEXT = (
    HEAD.replace("name", 'include = ["more.toml"]\nname')
    + """\
[tasks.send]
payload = { to = "str", "cc?" = "str" }
handler = "shop:send"
"""
)
MORE = '[tasks.pack.payload]\nid = { type = "int" }\n[events."order.paid"]\npayload = { id = "int" }\n'


@pytest.mark.parametrize(
    ("path", "at", "place"),
    [
        ("tasks send payload to", "key", "conductor.toml:10:13"),
        ("tasks send payload cc", "key", "conductor.toml:10:25"),
        ("tasks send handler", "value", "conductor.toml:11:11"),
        ("tasks send payload bcc", "key", "conductor.toml:10:1"),
        ("tasks send version", "key", "conductor.toml:9:8"),
        ("tasks pack payload id", "key", "more.toml:2:1"),
        ("tasks pack queue", "key", "more.toml:1:8"),
        ("events order.paid payload id", "key", "more.toml:4:13"),
        ("tasks gone", "key", "conductor.toml"),
        ("env prod", "key", "conductor.toml"),
    ],
)
def test_place_of(path: str, at: At, place: str, write: Write, tmp_path: Path) -> None:
    config = load(write(TEXT, {"more.toml": MORE}), relative_to=tmp_path)
    assert str(Places(config, tmp_path).find(tuple(path.split()), at)) == place
