"""Running Postgres as somebody who is not root.

Postgres refuses to run as root, and root is who people are in a container. So root's server runs as the user
`postgres` or `nobody`, who often cannot reach the folders: a project under /root, a venv made with umask 077. To open
the folders would be meddling; instead the server gets the one capability that lets it pass through them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgconductor.errors import EmbeddedUnavailable
from pgconductor.store.filelock import BELONGS_TO_ANOTHER

# Who may run the server when we are root, the first that exists.
CANDIDATES = ("postgres", "nobody")

# Read-only passage first. Docker's default set has no dac_read_search, but it has dac_override.
CAPABILITIES = ("dac_read_search", "dac_override")

REMEDY = "Run pgconductor as an ordinary user, or set `[database] url` to a Postgres of your own"


@dataclass(frozen=True)
class Account:
    """Who runs the server's programs, and how they are started as that user."""

    uid: int
    gid: int
    capability: str | None = None
    switches: bool = False  # False: they run as ourselves

    def run(self, argv: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; its output is captured as text unless `options` say otherwise."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.STDOUT)
        if self.switches and self.capability is None:
            options.update(user=self.uid, group=self.gid, extra_groups=[])
        command = [*self._prefix(), *map(str, argv)]
        # cwd: the caller's own folder may be closed to the server's user.
        return subprocess.run(command, stdin=subprocess.DEVNULL, text=True, cwd="/", check=False, **options)

    def own(self, path: Path) -> None:
        """Give `path` to this user."""
        if self.switches:
            os.chown(path, self.uid, self.gid)

    def reaches(self, program: Path, folder: Path) -> bool:
        """Can this user enter `folder` and run `program`, a Postgres program, from where it lies?

        `pg_config` looks for its own file the way the server does, so it fails wherever the server would.
        """
        script = 'cd "$1" && exec "$2" --sharedir'
        try:
            return self.run(["/bin/sh", "-c", script, "sh", folder, program]).returncode == 0
        except OSError:  # no setpriv; or this user cannot be switched to, as in a user namespace that lacks it
            return False

    def _prefix(self) -> tuple[str, ...]:
        if self.capability is None:
            return ()
        return (
            "setpriv",
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            f"--inh-caps=+{self.capability}",
            f"--ambient-caps=+{self.capability}",
            # Without it access(2), by which Postgres finds its own files, ignores what we just gave.
            "--securebits=+no_setuid_fixup",
        )


def account_for(binaries: Path, folder: Path, owner: int | None = None) -> Account:
    """Who runs the server in `folder`: ourselves, or as root the least privileged account that gets there.

    Args:
        owner: the uid that the server's data already belongs to, if there is any.

    Raises:
        EmbeddedUnavailable: the data is another user's; or we are root, and no other user can reach the folders.
    """
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise EmbeddedUnavailable(BELONGS_TO_ANOTHER.format(folder))
        return Account(uid=os.geteuid(), gid=os.getegid())
    uid, gid = _other_user(owner)
    for capability in (None, *CAPABILITIES):
        account = Account(uid=uid, gid=gid, capability=capability, switches=True)
        if account.reaches(binaries / "pg_config", folder):
            return account
    raise EmbeddedUnavailable(
        f"Postgres does not run as root, and the user with id {uid} cannot reach {folder} and {binaries}. {REMEDY}, or "
        "install `setpriv` (of util-linux), or move both out of folders that only root may enter"
    )


def _other_user(owner: int | None) -> tuple[int, int]:
    import pwd

    for candidate in (owner, *CANDIDATES):
        try:
            entry = pwd.getpwuid(candidate) if isinstance(candidate, int) else pwd.getpwnam(candidate or "")
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return entry.pw_uid, entry.pw_gid
    raise EmbeddedUnavailable(
        f"Postgres does not run as root, and there is neither a user `postgres` nor `nobody` to run it as. {REMEDY}"
    )
