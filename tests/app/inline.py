"""Handlers that a test defines where it uses them: the plan names them as `tests.app.inline:handlers.<task>`."""

from __future__ import annotations

from types import SimpleNamespace

handlers = SimpleNamespace()
