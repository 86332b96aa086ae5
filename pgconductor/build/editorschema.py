"""The JSON Schemas that editors read, written where conductor.toml says that they are.

They are no part of what is generated: nothing that runs reads them, and they belong in no repository.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from pgconductor.config.editor import schema
from pgconductor.config.load import declared_names

# Relative to the folder of conductor.toml. Taplo and Tombi both read this line at the top of a file.
ROOT = ".pgconductor/conductor.schema.json"
INCLUDED = ".pgconductor/included.schema.json"
DIRECTIVE = f"#:schema ./{ROOT}"

_DIRECTIVE = re.compile(r"#:schema\s+(?:\./)?(?P<path>\S+)")


def write_schemas(config: Path | str) -> tuple[Path, ...]:
    """Write the schema of a conductor.toml, and that of the files that it includes if there are any.

    Returns:
        The files that were not as they should be.

    Raises:
        InvalidConfig: the file cannot be read or is not TOML. Whatever else is wrong with it does not matter.
        OSError: a schema cannot be written.
    """
    folder = Path(config).absolute().parent
    return tuple(folder / path for path, text in schemas(config) if _write(folder / path, text))


def schemas(config: Path | str) -> Iterator[tuple[str, str]]:
    """The text of each schema, by its path relative to the folder of conductor.toml."""
    names, included = declared_names(config)
    yield ROOT, _text(schema(names))
    if included:
        yield INCLUDED, _text(schema(names, whole=False))


def is_asked_for(config: Path | str) -> bool:
    """Whether the file's first comments name the schema that we write."""
    for line in Path(config).read_text(encoding="utf-8-sig").splitlines():
        if line.strip() and not line.startswith("#"):
            break
        if (match := _DIRECTIVE.match(line)) and match["path"] == ROOT:
            return True
    return False


def _text(found: object) -> str:
    return json.dumps(found, indent=1) + "\n"


def _write(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return True
