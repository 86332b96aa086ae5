"""`[conductor]`, `[generate]`, `[database]` and `[dev]`: what there is once for the whole application."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from pgconductor import placeholder
from pgconductor.config import codes, readers, reference
from pgconductor.config.model import DAY, MINUTE, Pool
from pgconductor.config.node import Bad, Node
from pgconductor.config.shape import Key, Settings, Shape
from pgconductor.config.suggestion import to_snake
from pgconductor.config.zones import zone

FORMAT = 1

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,47}")
_PYTHON = re.compile(r"3\.(\d{1,2})")
_PLACEHOLDER_HELP = "write `${VAR}`, `${VAR:-default}` or `${VAR:?message}`; `$$` is one dollar sign"


def _name(node: Node) -> str:
    name = readers.text(node)
    if not _NAME.fullmatch(name):
        help = "a letter, then up to 62 letters, digits and . _ -"
        raise node.report(codes.NAME, f"`{name}` is not a name for an application", help)
    return name


def _schema(node: Node) -> str:
    name = readers.text(node)
    if not _SCHEMA.fullmatch(name):
        snake = to_snake(name)
        help = f"write `{snake}`" if _SCHEMA.fullmatch(snake) else "a letter, then up to 47 letters, digits and _"
        raise node.report(codes.NAME, f"`{name}` is not a name for a schema", help)
    if name.startswith("pg_") or name == "information_schema":
        raise node.report(codes.RESERVED, f"a schema cannot be called `{name}`", "PostgreSQL keeps it for itself")
    return name


def expandable(node: Node) -> str:
    """A text whose placeholders are well-formed."""
    text = readers.text(node)
    try:
        for _ in placeholder.parse(text):
            pass
    except placeholder.PlaceholderError as error:
        raise node.report(codes.PLACEHOLDER, str(error), _PLACEHOLDER_HELP, part=(error.start, error.end)) from None
    return text


def _url(node: Node) -> str:
    url = expandable(node)
    if url.startswith(("postgresql://", "postgres://")) or "${" in url:
        return url
    if "://" in url or "=" not in url:
        help = "write postgresql://user:password@host:5432/database, or keywords: host=... dbname=..."
        raise node.report(codes.CHOICE, f"`{node.label}` is not the address of a PostgreSQL database", help)
    return url


def _relative_path(node: Node) -> str:
    path = readers.text(node)
    pure = PurePosixPath(path)
    if pure.is_absolute() or "\\" in path or ".." in pure.parts or re.search(r"[\x00-\x1f]", path):
        help = "write a path below the directory of conductor.toml, with `/` between its parts"
        raise node.report(codes.CHOICE, f"`{node.label}` must be a path inside the project", help)
    return pure.as_posix()


def _python(node: Node) -> str:
    version = readers.text(node)
    match = _PYTHON.fullmatch(version)
    if match is None or int(match[1]) < 11:
        help = 'write the oldest Python that the generated code must run on, "3.11" or newer'
        raise node.report(codes.CHOICE, f"`{version}` is not a choice for `python`", help)
    return version


CONDUCTOR = Shape(
    {
        "format": Key("format", readers.integer(FORMAT, FORMAT), required=True),
        "name": Key("name", _name, required=True),
        "schema": Key("schema_name", _schema),
        "timezone": Key("timezone", zone),
        "context": Key("context", reference.class_),
        "requires": Key("requires", readers.text),
        "include": Key("include", readers.array(readers.text)),
    }
)
GENERATE = Shape(
    {
        "package": Key("package", reference.package, required=True),
        "source_root": Key("source_root", _relative_path),
        "sql_dir": Key("sql_dir", _relative_path),
        "clients": Key("clients", readers.array(readers.choice("async", "sync"), least=1)),
        "python": Key("python", _python),
    }
)
_POOL = Shape(
    {
        "min": Key("min", readers.integer(0, 10_000)),
        "max": Key("max", readers.integer(1, 10_000)),
        "timeout": Key("timeout_ms", readers.duration(1)),
    }
)
DATABASE = Shape(
    {
        "url": Key("url", _url),
        "pool": Key("pool", _POOL.read),
        "listen_url": Key("listen_url", _url),
        "apply": Key("apply", readers.choice("auto", "verify")),
        "lock_timeout": Key("lock_timeout_ms", readers.duration(1, 24 * 60 * MINUTE)),
        "statement_timeout": Key("statement_timeout_ms", readers.duration(1)),
    }
)
DEV = Shape(
    {
        "watch": Key("watch", readers.array(expandable)),
        "ignore": Key("ignore", readers.array(expandable)),
        "grace": Key("grace_ms", readers.duration(0, DAY)),
        "port": Key("port", readers.integer(1, 65_535)),
    }
)


def resolve_database(settings: Settings) -> dict[str, Any]:
    """Merged settings of `[database]` as values of the model."""
    values = dict(settings.values)
    pool = values.get("pool")
    if isinstance(pool, Settings):
        try:
            values["pool"] = _pool(pool)
        except Bad:
            del values["pool"]
    return values


def _pool(settings: Settings) -> Pool:
    given = settings.values
    # A `max` below the default `min` (or the reverse) takes the other along.
    least = given.get("min", min(Pool().min, given.get("max", Pool().min)))
    most = given.get("max", max(Pool().max, least))
    if least > most:
        raise settings.nodes["min"].report(codes.CONFLICT, f"`min` is greater than `max`, which is {most}")
    return Pool(**{**given, "min": least, "max": most})
