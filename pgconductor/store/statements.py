"""Statements that are the same for every queue: one verb a file in `store/sql`, composed once for a schema.

`{name}` in a file is an identifier filled in here; `%(name)s` is a value that psycopg sends apart from the text.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from psycopg import sql


@cache
def _read(verb: str) -> str:
    return resources.files("pgconductor.store").joinpath("sql", f"{verb}.sql").read_text(encoding="utf-8")


@cache
def statement(verb: str, schema: str, queue: str | None = None, *, history: str | None = None) -> str:
    """The text of `sql/<verb>.sql` for a schema, and for the partitions of one queue where it names them.

    Args:
        history: the name of a partition of `finished`.

    >>> statement("cancel", "pgconductor").splitlines()[-1]
    'select pgconductor.cancel(%(id)s, %(reason)s)'
    """
    names = {"schema": sql.Identifier(schema)}
    if queue is not None:
        for state in ("scheduled", "ready", "running"):
            names[state] = sql.Identifier(schema, f"{state}_{queue}")
    if history is not None:
        names["history"] = sql.Identifier(schema, history)
    # Typed as LiteralString to keep data out of SQL; a file of ours is as literal as it gets.
    text: str = sql.SQL(_read(verb)).format(**names).as_string(None)
    return text
