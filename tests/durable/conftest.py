"""Fixtures of the tests of durable execution: the stage of the runtime's."""

from __future__ import annotations

from tests.runtime.conftest import engine, stage

__all__ = ["engine", "stage"]
