"""What becomes of rendered files: compared with the disk, shown as a diff, or written.

Only files inside the project, and only files that generate itself wrote, are ever changed or deleted; a file that a
person edited is refused, not overwritten. No `__init__.py` is made above the generated package: where a parent folder
has none it is a namespace package, as Python has it.
"""

from __future__ import annotations

import difflib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgconductor.build.seal import is_generated, is_ours
from pgconductor.errors import OutputError


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs from what generate would write.

    Attributes:
        path: relative to `conductor.toml`.
        before: its text now; None if there is no such file.
        after: its text to be; None if it is no longer generated.
    """

    path: str
    before: str | None
    after: str | None

    @property
    def summary(self) -> str:
        """`create`, `update` or `delete`, and the path."""
        verb = "create" if self.before is None else "delete" if self.after is None else "update"
        return f"{verb} {self.path}"


def compare(root: Path, files: Mapping[str, str], plan_path: str) -> tuple[Change, ...]:
    """Every file on disk that is not as it should be.

    Args:
        root: the folder of `conductor.toml`.
        files: what `render` made.
        plan_path: of plan.json, whose last version says which files may be out of use.

    Raises:
        OutputError: a path leads out of the project (GEN103), or something that is no text file is in its way (GEN104).
    """
    stale = [path for path in _last_files(root, plan_path) if path not in files and _is_inside(root, path)]
    problems: list[str] = []
    changes: list[Change] = []
    for path, after in [*files.items(), *((path, None) for path in stale)]:
        try:
            before = _read(root, path)
        except OutputError as problem:
            problems.append(str(problem))
            continue
        if before != after and (after is not None or _is_deletable(path, before)):
            changes.append(Change(path, before, after))
    if problems:
        raise OutputError("\n".join(problems))
    return tuple(sorted(changes, key=lambda change: change.path))


def write(root: Path, changes: Sequence[Change]) -> None:
    """Make the changes, each file in one step.

    Raises:
        OutputError: a file was edited by hand (GEN101) or is not ours (GEN102): all of them, and nothing is written; or
            the disk refuses one (GEN105), and those after it are not written.
    """
    problems = [problem for change in changes if (problem := _refusal(change))]
    if problems:
        raise OutputError("\n".join(problems))
    # The plan last: it must not speak of files that are not there yet.
    for change in sorted(changes, key=lambda change: change.path.endswith(".json")):
        try:
            _make(root / change.path, change.after)
        except OSError as error:
            raise OutputError(f"error[GEN105]: {change.path} cannot be written ({error.strerror or error})") from error


def diff(changes: Sequence[Change]) -> str:
    """The changes as one unified diff."""
    return "".join(line for change in changes for line in _diff(change))


def _last_files(root: Path, plan_path: str) -> list[str]:
    """The files that the last plan listed. One that cannot be read lists none."""
    try:
        listed = json.loads(_read(root, plan_path) or "{}").get("files", {})
    except (ValueError, AttributeError):
        return []
    return sorted(path for path in listed if isinstance(path, str)) if isinstance(listed, dict) else []


def _read(root: Path, path: str) -> str | None:
    """The text of a file with `\\n` between lines, as git gives it out elsewhere; None if there is none."""
    target = root / path
    if not _is_inside(root, path):
        raise OutputError(
            f"error[GEN103]: {path} leads out of the project to {target.resolve()}; "
            "generate only writes below the folder of conductor.toml: change [generate], or remove the symbolic link"
        )
    try:
        return target.read_bytes().decode().replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise OutputError(
            f"error[GEN104]: {path} is in the way and cannot be read ({reason}); move it, or change [generate]"
        ) from None


def _is_inside(root: Path, path: str) -> bool:
    return (root / path).resolve().is_relative_to(root.resolve())


def _is_deletable(path: str, before: str | None) -> bool:
    return before is not None and is_ours(path, before)


def _refusal(change: Change) -> str | None:
    if change.before is None or is_ours(change.path, change.before):
        return None
    if is_generated(change.path, change.before):
        return (
            f"error[GEN101]: {change.path} was edited since it was generated; "
            "delete it and run generate again: what it says comes from conductor.toml"
        )
    return (
        f"error[GEN102]: {change.path} exists and was not generated by pgconductor; "
        "move it, or choose another `package` or `sql_dir` in [generate]"
    )


def _make(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
        _remove_if_empty(path.parent)
    else:
        replace(path, text)


def replace(path: Path, text: str) -> None:
    """Write a file in one step: it is never there in part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(text.encode())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _diff(change: Change) -> Iterator[str]:
    before = "/dev/null" if change.before is None else f"a/{change.path}"
    after = "/dev/null" if change.after is None else f"b/{change.path}"
    lines = difflib.unified_diff(_lines(change.before), _lines(change.after), before, after)
    found = False
    for line in lines:
        found = True
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
    if not found:  # an empty file comes or goes
        yield f"--- {before}\n+++ {after}\n"


def _lines(text: str | None) -> list[str]:
    return io.StringIO(text or "", newline="\n").readlines()
