"""What a schema is made of, as text: equal for two schemas that were built in different ways."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.plans import SCHEMA

# The partitions of days come and go: they are left out.
_QUERIES = {
    "tables": """
        select c.relkind::text || ' ' || c.relname || coalesce(' ' || pg_get_partkeydef(c.oid), '')
               || coalesce(' of ' || p.relname || ' ' || pg_get_expr(c.relpartbound, c.oid), '')
               || coalesce(' with ' || array_to_string(c.reloptions, ', '), '')
        from pg_class as c
        left join pg_inherits as i on i.inhrelid = c.oid and c.relkind in ('r', 'p')
        left join pg_class as p on p.oid = i.inhparent
        where c.relnamespace = %(schema)s::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
              and c.relname !~ '^finished_[0-9]{8}$'
    """,
    "columns": """
        select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
               || case when a.attnotnull then ' not null' else '' end
               || case when a.attidentity <> '' then ' identity' else '' end
               || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = %(schema)s::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0
              and c.relname !~ '^finished_[0-9]{8}$'
    """,
    "indexes": """
        select indexdef from pg_indexes where schemaname = %(schema)s and tablename !~ '^finished_[0-9]{8}$'
    """,
    "constraints": """
        select c.relname || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
        from pg_constraint as k
        join pg_class as c on c.oid = k.conrelid
        where k.connamespace = %(schema)s::regnamespace and k.contype <> 'n' and c.relname !~ '^finished_[0-9]{8}$'
    """,
    "functions": """
        select p.oid::regprocedure::text || ' returns ' || pg_get_function_result(p.oid) || ' ' || l.lanname || ' '
               || p.provolatile::text || ' '
               || md5(replace(replace(p.prosrc, %(schema)s || '.', ''), quote_literal(%(schema)s), ''))
        from pg_proc as p join pg_language as l on l.oid = p.prolang
        where p.pronamespace = %(schema)s::regnamespace
    """,
}


def catalogue(connection: psycopg.Connection[Any], schema: str = SCHEMA) -> dict[str, list[str]]:
    """Every table, column, index, constraint and function of a schema, its own name left out."""
    return {
        kind: sorted(_scrub(text, schema) for (text,) in connection.execute(query, {"schema": schema}))
        for kind, query in _QUERIES.items()
    }


def _scrub(text: str, schema: str) -> str:
    return text.replace(f"{schema}.", "")
