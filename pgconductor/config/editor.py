"""A JSON Schema of `conductor.toml` for editors, with the project's own names in it.

Made of the same shapes that read the file, so a key that is read is a key that is offered. It is stricter than editors
need and looser than `check`: what goes with what is for `check` to say.
"""

from __future__ import annotations

import re
from typing import get_args

from pgconductor.config import names, zones
from pgconductor.config.application import CONDUCTOR, DATABASE, DEV, GENERATE
from pgconductor.config.changes import MOVED, REMOVED
from pgconductor.config.declarations import EVENT, shared_type_schema
from pgconductor.config.environment import DEFAULTS, ENVIRONMENT
from pgconductor.config.includes import INCLUDABLE
from pgconductor.config.names import Rule
from pgconductor.config.queues import QUEUE
from pgconductor.config.reader import Describe, JsonSchema, either, one_of, table_of
from pgconductor.config.scope import Names
from pgconductor.config.tasks import TASK
from pgconductor.config.typeexpr import GENERICS, SCALARS
from pgconductor.config.types import ConstraintName

DRAFT = "http://json-schema.org/draft-07/schema#"


def schema(declared: Names, *, whole: bool = True) -> JsonSchema:
    """The schema of a file.

    Args:
        declared: the names to offer.
        whole: of the root file; False: of one that it includes.
    """
    tables = _ROOT if whole else {name: _ROOT[name] for name in INCLUDABLE}
    properties = {name: {**describe(declared), "description": doc} for name, (doc, describe) in tables.items()}
    return {
        "$schema": DRAFT,
        "title": "conductor.toml" if whole else "a file that conductor.toml includes",
        "description": "Durable background work, declared for pgconductor.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        **({"required": ["conductor", "generate"]} if whole else {}),
        "definitions": {"type": _type(declared), "zone": one_of(sorted(zones.names()))},
    }


def _named(rule: Rule, describe: Describe) -> Describe:
    """A table of named things."""
    return lambda declared: table_of(rule.pattern.pattern, describe(declared))


def _list(describe: Describe) -> Describe:
    return lambda declared: {"type": "array", "items": describe(declared)}


_ROOT: dict[str, tuple[str, Describe]] = {
    "conductor": ("The application.", CONDUCTOR.schema),
    "database": ("Where the database is. Without this table an embedded Postgres serves the folder.", DATABASE.schema),
    "generate": ("What is generated, and where.", GENERATE.schema),
    "defaults": ("What tasks and queues are that do not say otherwise.", DEFAULTS.schema),
    "types": ("Types that payloads share.", _named(names.TYPE, shared_type_schema)),
    "events": ("What may happen, for tasks to wait for.", _named(names.EVENT, EVENT.schema)),
    "queues": (
        "Where tasks wait, and how they are worked on. `default` always exists.",
        _named(names.QUEUE, QUEUE.schema),
    ),
    "tasks": ("What can be done.", _named(names.TASK, TASK.schema)),
    "moved": ("Tasks that are called otherwise now.", _list(MOVED.schema)),
    "removed": ("Queues that are gone.", _list(REMOVED.schema)),
    "env": ("What differs where: `--env NAME` or PGCONDUCTOR_ENV.", _named(names.ENVIRONMENT, ENVIRONMENT.schema)),
    "dev": ("How `pgconductor dev` goes about it.", DEV.schema),
}


def _type(declared: Names) -> JsonSchema:
    """Type expressions: the plain ones are offered, the others are known by their words."""
    own = sorted(declared.types)
    words = [*SCALARS, *GENERICS, "Literal", *own, *get_args(ConstraintName), "True", "False"]
    tokens = (
        r"[\s\[\](){}|,=]",
        r"\.\.\.",
        r"[-+]?[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?",
        r"[rR]?'(?:[^'\\]|\\.)*'",
        r'[rR]?"(?:[^"\\]|\\.)*"',
        rf"(?:{'|'.join(map(re.escape, words))})\b",
    )
    plain = [name for name in SCALARS if name != "None"]
    return either(one_of([*own, *plain]), {"type": "string", "pattern": f"^(?:{'|'.join(tokens)})+$"})
