"""Which project a command is about: `--config`, `--env` and `--plan`, before the verb or after it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Selection:
    """What the person chose; None where they left it to us.

    Attributes:
        config: path of conductor.toml.
        env: name of an `[env.<name>]`.
        plan: path of plan.json, or the package that it lies in.
    """

    config: Path | None = None
    env: str | None = None
    plan: str | None = None


def selection() -> Selection:
    """The selection of the command that runs, PGCONDUCTOR_ENV and PGCONDUCTOR_PLAN included."""
    chosen = click.get_current_context().ensure_object(Selection)
    environ = os.environ
    env = chosen.env or environ.get("PGCONDUCTOR_ENV") or None
    plan = chosen.plan or environ.get("PGCONDUCTOR_PLAN") or None
    return Selection(chosen.config, env, plan)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    assert param.name is not None
    if value is not None:
        setattr(ctx.ensure_object(Selection), param.name, value)


def _option(*names: str, **settings: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_remember, **settings)


with_config = _option(
    "--config",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="conductor.toml; by default PGCONDUCTOR_CONFIG, or the nearest one upward.",
)
with_env = _option("--env", metavar="NAME", help="Apply the overrides of [env.NAME]; by default PGCONDUCTOR_ENV.")
with_plan = _option(
    "--plan",
    metavar="PATH",
    help="plan.json or the package it lies in; by default PGCONDUCTOR_PLAN, or the one generate wrote.",
)


def select_project(command: F) -> F:
    """The global options, for the group."""
    return with_config(with_env(command))


def select_plan(command: F) -> F:
    """The options of commands that read plan.json."""
    return with_config(with_env(with_plan(command)))
