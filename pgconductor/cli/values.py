"""Kinds of values that options take."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from pgconductor.duration import parse_duration


class Duration(click.ParamType):
    """A duration with its unit, kept as it was typed."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Moment(click.ParamType):
    """A moment, ISO 8601 with its offset from UTC."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f'"{value}" is not a moment such as "2030-01-31T09:00:00+01:00"', param, ctx)
        if moment.utcoffset() is None:
            self.fail(f'"{value}" has no offset from UTC: write "{value}Z" or "{value}+01:00"', param, ctx)
        return moment


DURATION = Duration()
MOMENT = Moment()
