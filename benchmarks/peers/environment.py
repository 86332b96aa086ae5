"""Scratch environments: one a peer, made once below `.bench/peers/` and used again while its packages are the same."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.peer import Peer

REPOSITORY = Path(__file__).parents[2]
HOME = REPOSITORY / ".bench" / "peers"


class Unavailable(Exception):
    """The peer cannot run on this machine; the message says what is missing."""


@dataclass(frozen=True)
class Environment:
    """How to start a peer's program.

    Attributes:
        command: the words before the verb.
        folder: where to start it.
    """

    command: tuple[str, ...]
    folder: Path

    def start(self, *words: str, variables: Mapping[str, str], stderr: int) -> subprocess.Popen[str]:
        """Start a verb with pipes for its lines."""
        pipe = subprocess.PIPE
        env = {**os.environ, **variables}
        return subprocess.Popen(
            [*self.command, *words], cwd=self.folder, env=env, stdin=pipe, stdout=pipe, stderr=stderr, text=True
        )


def prepare(peer: Peer) -> Environment:
    """The peer's environment, installed if it is not there yet.

    Raises:
        Unavailable: no Python or Node that it runs on, or its packages cannot be installed.
    """
    if peer.runs_on_node:
        return _node(peer)
    return Environment((str(_python(peer)), "-m", peer.module), REPOSITORY)


def _node(peer: Peer) -> Environment:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Unavailable("needs node and npm, which are not on the PATH")
    folder = HOME / peer.name
    if not _is_installed(folder, peer.packages):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        _run([npm, "install", "--no-audit", "--no-fund", *peer.packages], folder)
        _mark_installed(folder, peer.packages)
    return Environment((node, str(Path(__file__).with_name(peer.program))), folder)


def _python(peer: Peer) -> Path:
    if not peer.packages:
        return Path(sys.executable)
    folder = HOME / peer.name
    python = folder / "bin" / "python"
    if not _is_installed(folder, peer.packages):
        _run([_interpreter(peer.python), "-m", "venv", "--clear", folder], REPOSITORY)
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages], folder)
        _mark_installed(folder, peer.packages)
    return python


def _interpreter(oldest: tuple[int, int]) -> Path:
    """Our own Python where it is new enough, so that peers differ by nothing else, or any on this machine that is."""
    found = next((path for path in _interpreters() if _version(path) >= oldest), None)
    if found is None:
        raise Unavailable(f"needs Python {oldest[0]}.{oldest[1]} or newer, which is not on this machine")
    return found


def _interpreters() -> Iterator[Path]:
    yield Path(sys.executable)
    names = [f"python3.{minor}" for minor in range(14, 10, -1)]
    yield from (Path(path) for name in names if (path := shutil.which(name)) is not None)
    # pyenv's commands on the PATH refuse to run for versions that are installed but not chosen: look behind them.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob("versions/*/bin/python3"), reverse=True)


def _version(interpreter: Path) -> tuple[int, int]:
    """Its version, or 0.0 if it does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0, 0
    major, minor = answer.stdout.split()
    return int(major), int(minor)


def _is_installed(folder: Path, packages: Sequence[str]) -> bool:
    marker = folder / "installed"
    return marker.exists() and marker.read_text().split() == list(packages)


def _mark_installed(folder: Path, packages: Sequence[str]) -> None:
    (folder / "installed").write_text("\n".join(packages) + "\n")


def _run(command: Sequence[str | Path], folder: Path) -> None:
    ended = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ended.returncode != 0:
        raise Unavailable(f"cannot be installed:\n{ended.stdout.strip()[-2000:]}")
