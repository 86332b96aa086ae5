"""Every code that a command shows: those of the configuration and of generated files, and those of what runs."""

from __future__ import annotations

from inspect import cleandoc

from pgconductor.build.codes import CODES as GENERATED
from pgconductor.config.codes import CODES as CONFIGURED
from pgconductor.config.codes import Code

CODES: dict[str, Code] = {**CONFIGURED, **GENERATED}


def _add(code: str, title: str, explanation: str) -> Code:
    CODES[code] = Code(code, title, cleandoc(explanation))
    return CODES[code]


DATABASE_BEHIND = _add(
    "DB101",
    "the database is not in line with the plan",
    """
    Something that the plan needs is missing in the database, or something is there that the plan no longer has.
    `pgconductor diff` lists what would be done, `pgconductor apply` does it.
    """,
)
DATABASE_LOSES = _add(
    "DB102",
    "applying would lose executions",
    """
    A queue that the plan no longer has still holds executions. Say in conductor.toml what becomes of them:
    `[[removed]] queue = "legacy", pending = "drain"`, `"cancel"`, or `{ move_to = "default" }`.
    """,
)
DATABASE_REFUSES = _add(
    "DB103",
    "the database cannot be used",
    """
    It cannot be reached with the settings of `[database]`, or its schema belongs to another application or to a newer
    pgconductor. The message says which.
    """,
)
MODULE_RAISES = _add(
    "RUN101",
    "a handler's module cannot be imported",
    """
    The module that `handler` names raised an exception while it was imported. The place is the last line of your own
    code that was running; the notes are the lines that led there.
    """,
)
HANDLER_MISSING = _add(
    "RUN102",
    "a handler does not exist",
    """
    There is no such module, or it has no function of that name. `pgconductor generate --scaffold` writes a function
    with the right types for every handler that does not exist yet.
    """,
)
HANDLER_MISSHAPEN = _add(
    "RUN103",
    "a handler takes something else",
    """
    Handlers take two arguments: the payload (the event for tasks with triggers, the items for batches) and the context.
    `<package>.tasks` has the exact type of each under the name `<Task>Handler`; mypy and pyright check it.
    """,
)
