"""Writes the pages of the reference; with `--check` shows what they lack, exit code 4."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from docs.reference import codes, commands, configuration

HERE = Path(__file__).parent
PAGES: dict[str, Callable[[], str]] = {
    "cli.md": commands.page,
    "codes.md": codes.page,
    "configuration.md": configuration.page,
}
OUT_OF_DATE = 4


def write() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


def differences() -> str:
    """A unified diff from the pages as they are to the pages as they should be."""
    found: list[str] = []
    for name, page in PAGES.items():
        path = HERE / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        written, wanted = before.splitlines(keepends=True), page().splitlines(keepends=True)
        found.extend(difflib.unified_diff(written, wanted, f"docs/reference/{name}", "what the code says"))
    return "".join(found)


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python -m docs.reference [--check]", file=sys.stderr)
        return 2
    if not arguments:
        write()
        return 0
    found = differences()
    if found:
        print(found, end="")
        print("docs/reference is out of date: run `make format`", file=sys.stderr)
    return OUT_OF_DATE if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
