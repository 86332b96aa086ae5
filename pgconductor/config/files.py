"""Reading the files of a configuration, and remembering which."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pgconductor.config import codes
from pgconductor.config.codes import Code
from pgconductor.config.diagnostic import Diagnostic, Place


class Unreadable(Exception):
    """A file cannot be read.

    Attributes:
        diagnostic: why, at the file itself.
    """

    def __init__(self, code: Code, message: str, place: Place, help: str | None = None) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code.code, message, place, help)


class Files:
    """Reads files.

    Args:
        root: the directory of the root file; `sources` is relative to it.
        base: the directory that names in diagnostics are relative to.

    Attributes:
        sources: every file read, with the SHA-256 of its bytes in hex.
    """

    def __init__(self, root: Path, base: Path) -> None:
        self.root = root
        self.base = base
        self.sources: dict[str, str] = {}

    def name(self, path: Path) -> str:
        """How diagnostics call a file."""
        return _relative(path, self.base)

    def relative(self, path: Path) -> str:
        """How `sources` calls a file: relative to the root file's directory."""
        return _relative(path, self.root)

    def read(self, path: Path) -> str:
        """The text of a file, with the byte order mark of Windows editors taken off.

        Raises:
            Unreadable: it does not exist, is a directory, may not be read, or is not UTF-8.
        """
        try:
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            raise self._unreadable(path, error) from None
        self.sources[self.relative(path)] = hashlib.sha256(data).hexdigest()
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Unreadable(codes.ENCODING, *self._undecodable(path, data, error), "save it as UTF-8") from None

    def _unreadable(self, path: Path, error: OSError | ValueError) -> Unreadable:
        name = self.name(path)
        if path.is_dir():
            return Unreadable(codes.UNREADABLE, f"`{name}` is a directory", Place(name), "name the file in it")
        if isinstance(error, FileNotFoundError):
            return Unreadable(codes.UNREADABLE, f"there is no file `{name}`", Place(name))
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return Unreadable(
            codes.UNREADABLE, f"`{name}` cannot be read: {(reason or 'unknown reason').lower()}", Place(name)
        )

    def _undecodable(self, path: Path, data: bytes, error: UnicodeDecodeError) -> tuple[str, Place]:
        # The positions of a decode error do not count the byte order mark.
        at = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        start = data.rfind(b"\n", 0, at) + 1
        end = data.find(b"\n", at)
        line = data[start : end if end >= 0 else None].decode("utf-8", "replace").rstrip("\r")
        col = len(data[start:at].decode("utf-8", "replace")) + 1
        place = Place.in_line(self.name(path), data.count(b"\n", 0, at) + 1, col, col + 1, line)
        return f"byte 0x{data[at]:02x} is not UTF-8", place


def _relative(path: Path, base: Path) -> str:
    try:
        return Path(os.path.relpath(path, base)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_posix()
