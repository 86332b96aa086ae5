"""The project of the command line's tests, and dev sessions on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.cli.conftest import _applied, _compiled, fresh, shop  # noqa: F401
from tests.cli.project import Shop
from tests.dev.driver import Dev


@pytest.fixture
def dev() -> Iterator[Callable[..., Dev]]:
    """Starts sessions; whatever is left of them at the end is killed, and must not be there."""
    sessions: list[Dev] = []

    def start(project: Shop, *words: str, **options: object) -> Dev:
        session = Dev(project, *words, **options)  # type: ignore[arg-type]
        sessions.append(session)
        return session

    yield start
    for session in sessions:
        session.close()
