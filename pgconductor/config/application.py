"""`[conductor]`, `[generate]`, `[database]` and `[dev]`: what there is once for the whole application."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from pgconductor import placeholder
from pgconductor.config import codes, readers, reference
from pgconductor.config.model import DAY, MINUTE, Config, Database, Dev, Generate, Pool
from pgconductor.config.node import Bad, Node
from pgconductor.config.reader import takes, text_like
from pgconductor.config.shape import Key, Settings, Shape
from pgconductor.config.suggestion import to_snake
from pgconductor.config.zones import zone

FORMAT = 1

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,47}")
_SIZE = re.compile(r"(\d{1,6})(KB|MB)")
_UNITS = {"KB": 1024, "MB": 1024 * 1024}
_PYTHON = re.compile(r"3\.(\d{1,2})")
_PLACEHOLDER_HELP = "write `${VAR}`, `${VAR:-default}` or `${VAR:?message}`; `$$` is one dollar sign"


@takes(text_like(_NAME.pattern))
def _name(node: Node) -> str:
    name = readers.text(node)
    if not _NAME.fullmatch(name):
        help = "a letter, then up to 62 letters, digits and . _ -"
        raise node.report(codes.NAME, f"`{name}` is not a name for an application", help)
    return name


@takes(text_like(_SCHEMA.pattern))
def _schema(node: Node) -> str:
    name = readers.text(node)
    if not _SCHEMA.fullmatch(name):
        snake = to_snake(name)
        help = f"write `{snake}`" if _SCHEMA.fullmatch(snake) else "a letter, then up to 47 letters, digits and _"
        raise node.report(codes.NAME, f"`{name}` is not a name for a schema", help)
    if name.startswith("pg_") or name == "information_schema":
        raise node.report(codes.RESERVED, f"a schema cannot be called `{name}`", "PostgreSQL keeps it for itself")
    return name


@takes(readers.text.schema)
def expandable(node: Node) -> str:
    """A text whose placeholders are well-formed."""
    text = readers.text(node)
    try:
        for _ in placeholder.parse(text):
            pass
    except placeholder.PlaceholderError as error:
        raise node.report(codes.PLACEHOLDER, str(error), _PLACEHOLDER_HELP, part=(error.start, error.end)) from None
    return text


@takes({"type": "string", "examples": ["${DATABASE_URL}", "postgresql://user@host:5432/database"]})
def _url(node: Node) -> str:
    url = expandable(node)
    if url.startswith(("postgresql://", "postgres://")) or "${" in url:
        return url
    if "://" in url or "=" not in url:
        help = "write postgresql://user:password@host:5432/database, or keywords: host=... dbname=..."
        raise node.report(codes.CHOICE, f"`{node.label}` is not the address of a PostgreSQL database", help)
    return url


@takes(text_like(r"[^/\\\x00-\x1f][^\\\x00-\x1f]*"))
def _relative_path(node: Node) -> str:
    path = readers.text(node)
    pure = PurePosixPath(path)
    if pure.is_absolute() or "\\" in path or ".." in pure.parts or re.search(r"[\x00-\x1f]", path):
        help = "write a path below the directory of conductor.toml, with `/` between its parts"
        raise node.report(codes.CHOICE, f"`{node.label}` must be a path inside the project", help)
    return pure.as_posix()


@takes(text_like(r"3\.(?:1[1-9]|[2-9][0-9])", "3.11", "3.12", "3.13", "3.14"))
def _python(node: Node) -> str:
    version = readers.text(node)
    match = _PYTHON.fullmatch(version)
    if match is None or int(match[1]) < 11:
        help = 'write the oldest Python that the generated code must run on, "3.11" or newer'
        raise node.report(codes.CHOICE, f"`{version}` is not a choice for `python`", help)
    return version


@takes(text_like(_SIZE.pattern, "64KB", "1MB", "16MB"))
def _size(node: Node) -> int:
    text = readers.text(node)
    match = _SIZE.fullmatch(text)
    size = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 1024 <= size <= 256 * 1024 * 1024:
        raise node.report(codes.CHOICE, f"`{text}` is not a size", 'write "64KB" or "16MB", from "1KB" to "256MB"')
    return size


CONDUCTOR = Shape(
    {
        "format": Key(
            "format", readers.integer(FORMAT, FORMAT), "The generation of this file's language.", required=True
        ),
        "name": Key("name", _name, "The application: whose tables the schema in the database holds.", required=True),
        "schema": Key("schema_name", _schema, "The schema in the database that holds the tables."),
        "timezone": Key("timezone", zone, "What cron expressions and windows mean, unless a task says otherwise."),
        "context": Key("context", reference.class_, 'The type of `ctx.deps` in handlers: "module:Class".'),
        "requires": Key("requires", readers.text, 'The versions of pgconductor that may read this file: ">=0.4,<2".'),
        "size_limit": Key(
            "size_limit", _size, 'How much JSON a payload, a result or a step may be: "64KB", "16MB" by default.'
        ),
        "include": Key(
            "include",
            readers.array(readers.text),
            "Other files with types, events, queues and tasks: paths or patterns relative to this one.",
        ),
    },
    model=Config,
)
GENERATE = Shape(
    {
        "package": Key("package", reference.package, 'The package that is generated: "shop.conductor".', required=True),
        "source_root": Key("source_root", _relative_path, "The folder that packages lie in; `src` if there is one."),
        "sql_dir": Key("sql_dir", _relative_path, "Where the SQL is written for review."),
        "clients": Key(
            "clients",
            readers.array(readers.choice("async", "sync"), least=1),
            "Which clients are generated: `Conductor`, `SyncConductor`, or both.",
        ),
        "python": Key(
            "python",
            _python,
            "The oldest Python that the generated code must run on; from 3.12 on type aliases are `type` statements.",
        ),
    },
    model=Generate,
)
_POOL = Shape(
    {
        "min": Key("min", readers.integer(0, 10_000), "Connections that are kept open."),
        "max": Key("max", readers.integer(1, 10_000), "The most connections at once."),
        "timeout": Key("timeout_ms", readers.duration(1), "How long a client waits for a free connection."),
    },
    model=Pool,
)
DATABASE = Shape(
    {
        "url": Key("url", _url, "Where the database is; `${VAR}` is expanded. Without it an embedded Postgres serves."),
        "pool": Key("pool", _POOL, "The connections of clients."),
        "listen_url": Key("listen_url", _url, "A direct connection, where `url` goes through a transaction pooler."),
        "apply": Key(
            "apply",
            readers.choice("auto", "verify"),
            "What `run` does about a database that is behind: create what is missing, or refuse to start.",
        ),
        "lock_timeout": Key(
            "lock_timeout_ms",
            readers.duration(1, 24 * 60 * MINUTE),
            "How long apply waits for a lock before it gives up.",
        ),
        "statement_timeout": Key("statement_timeout_ms", readers.duration(1), "The longest that a statement may take."),
    },
    model=Database,
)
DEV = Shape(
    {
        "watch": Key("watch", readers.array(expandable), "What `dev` watches beside the project's own files."),
        "ignore": Key("ignore", readers.array(expandable), "What `dev` does not watch."),
        "grace": Key("grace_ms", readers.duration(0, DAY), "How long old workers may finish after a change."),
        "port": Key(
            "port",
            readers.integer(1, 65_535),
            "Kept for the dashboard of `dev`, which is not there yet: nothing listens.",
        ),
    },
    model=Dev,
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
