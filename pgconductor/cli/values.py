"""Values of options that are checked before a command begins."""

from __future__ import annotations

from datetime import datetime

import click

from pgconductor.duration import parse_duration


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A duration with its unit, kept as it was typed."""
    if value is not None:
        try:
            parse_duration(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None
    return value


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A moment, ISO 8601 with its offset from UTC."""
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        reason = f'"{value}" is not a moment such as "2030-01-31T09:00:00+01:00"'
        raise click.BadParameter(reason, ctx, param) from None
    if read.utcoffset() is None:
        reason = f'"{value}" has no offset from UTC: write "{value}Z" or "{value}+01:00"'
        raise click.BadParameter(reason, ctx, param)
    return read
