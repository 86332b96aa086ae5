"""The catalogue of what can be wrong with generated files, GEN1xx, and with rows that are queued already, ROW1xx.

Codes keep their meaning for ever.
"""

from __future__ import annotations

from inspect import cleandoc

from pgconductor.config.codes import Code

CODES: dict[str, Code] = {}


def _add(code: str, title: str, explanation: str) -> Code:
    CODES[code] = Code(code, title, cleandoc(explanation))
    return CODES[code]


_add(
    "GEN101",
    "a generated file was edited",
    """
    The digest in the file's header is not that of its text: somebody's work would be lost if it were written.
    What it says comes from conductor.toml: make the change there, delete the file and run `generate`.
    """,
)
_add(
    "GEN102",
    "a file that is not generated is in the way",
    """
    Something of this name exists and carries no header of pgconductor. Move it, or choose another `package` or
    `sql_dir` in `[generate]`.
    """,
)
_add(
    "GEN103",
    "a generated file would lie outside the project",
    """
    The path leads out of the folder of conductor.toml, by `..` or over a symbolic link. `generate` writes below
    that folder only.
    """,
)
_add(
    "GEN104",
    "a generated file cannot be read",
    """
    A folder, a device or something that is no text has the name of a generated file, or its permissions do not
    let it be read. Move it, or change `[generate]`.
    """,
)
_add(
    "GEN105",
    "a generated file cannot be written",
    """
    Its folder is read-only, or the disk is full. The plan is written last: what runs is still the old one.
    Mend it and run `generate` again, which goes on where it stopped.
    """,
)
_add(
    "GEN106",
    "a handler's module cannot be read",
    """
    `generate --scaffold` adds to modules that are there, and this one is not Python, not UTF-8 or may not be read. No
    skeleton was written.
    """,
)

FIELD_ADDED = _add(
    "ROW101",
    "a required field was added",
    """
    Rows that are queued were written without it, and would fail when a worker reads them. Give the field a default, or
    let it be left out (`name?`). If neither makes sense, raise the task's `version` and name an `upgrade`: a function
    `upgrade(data, version)` that takes the old payload as data and returns the new one.
    """,
)
FIELD_REQUIRED = _add(
    "ROW102",
    "a field became required",
    """
    It had a default or could be left out. What the client writes holds every field, but rows enqueued from SQL or by
    `pgconductor invoke` may leave it out, and would fail when a worker reads them.
    """,
)
FIELD_RENAMED = _add(
    "ROW103",
    "a field was renamed",
    """
    A field is gone, and one of the same type and with a name like it has come. Queued rows hold the value under the old
    name; workers ignore fields that they do not know, so it would be lost, or missed if the new one is required. If the
    two have nothing to do with each other, raise `version` and say so in an `upgrade`.
    """,
)
TYPE_NARROWED = _add(
    "ROW104",
    "a type was narrowed",
    """
    The field refuses values that it accepted, and rows may hold some. Wider types are fine: `int` to `float`, `email`
    to `str`, `T` to `T | None`, anything to `json`.
    """,
)
VALUE_REMOVED = _add(
    "ROW105",
    "a value was removed",
    """
    An enum or a `Literal` lost a value that queued rows may hold. Keep it, let nobody write it any more, and remove it
    when `pgconductor executions` shows no row with it.
    """,
)
LIMIT_TIGHTENED = _add(
    "ROW106",
    "a limit was tightened",
    """
    A limit is new or leaves less room: a greater `ge`, a smaller `max_length`, another `pattern`. Payloads are checked
    when they are enqueued and again when a worker reads them, so rows beyond it would fail.
    """,
)
TASK_GONE = _add(
    "ROW107",
    "a task is gone",
    """
    Workers claim the tasks of their plan only: rows of one that no plan has wait for ever. Remove its triggers and
    callers first and the task when nothing of it is queued, or hand its rows to another task:
    `[[moved]] task = { from = "old", to = "new" }`.
    """,
)
VERSION_LOWERED = _add(
    "ROW108",
    "a version was lowered",
    """
    Workers claim rows up to the payload version that they know. Rows of a later one wait for a worker that knows it,
    and there will be none. To go back to an old payload, raise the version once more.
    """,
)
