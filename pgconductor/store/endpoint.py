"""Where the database is: `[database]` expanded, or the embedded Postgres."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgconductor.plan.interpolate import interpolate
from pgconductor.plan.model import Plan

_SECRETS = ("password", "sslpassword", "oauth_client_secret")
# Also with a driver's name in it, as SQLAlchemy has it: `postgresql+psycopg://`.
_URL = re.compile(r"[\w.+-]+://")
_IN_AUTHORITY = re.compile(r"^([^:]+://[^:@]*):.*@", re.DOTALL)
_IN_QUERY = re.compile(rf"([?&](?:{'|'.join(_SECRETS)})=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True)
class Endpoint:
    """A database that can be reached now.

    Attributes:
        url: where queries go; perhaps a transaction-mode pooler.
        listen_url: a direct connection for LISTEN; None when `url` serves for it.
    """

    url: str
    listen_url: str | None = None

    def __str__(self) -> str:
        return hide_password(self.url)


@contextmanager
def open_endpoint(
    plan: Plan, project: Path, *, url: str | None = None, environ: Mapping[str, str] | None = None
) -> Iterator[Endpoint]:
    """The plan's database, or the embedded one under `project/.pgconductor` while the block runs.

    Args:
        plan: with the environment's overrides applied.
        project: the folder of conductor.toml.
        url: instead of the plan's.
        environ: for `${...}`; the process's own by default.

    Raises:
        PlanError: a variable that the settings need is not set.
        EmbeddedUnavailable: no URL is configured and the embedded Postgres cannot run here.
    """
    environ = os.environ if environ is None else environ
    if url is not None:
        yield Endpoint(url)  # the plan's `listen_url` is a way to the plan's database, not to this one
        return
    settings = plan.database
    if settings.url is not None:
        listen_url = interpolate(settings.listen_url, environ) if settings.listen_url else None
        yield Endpoint(interpolate(settings.url, environ), listen_url)
        return
    from pgconductor.store.embedded import EmbeddedServer  # an extra: only who needs it pays for it

    with EmbeddedServer(project).acquire() as embedded_url:
        yield Endpoint(embedded_url)


def hide_password(url: str) -> str:
    """The connection string as it may be printed: rather too little of it than a secret.

    >>> hide_password("postgresql://app:secret@db/app")
    'postgresql://app:***@db/app'
    >>> hide_password("host=db user=app password=secret")
    'user=app password=*** host=db'
    """
    if not url:
        return "(what the PG* variables say)"
    if _URL.match(url):
        # By its text, not as libpq reads it: a password with an unescaped `/` is none to libpq, and still a secret.
        return _IN_QUERY.sub(r"\1***", _IN_AUTHORITY.sub(r"\1:***@", url))
    try:
        settings = conninfo_to_dict(url)
    except ProgrammingError:
        return "(an invalid connection string)"
    shown = {name: "***" if name in _SECRETS else value for name, value in settings.items()}
    return make_conninfo("", **shown)
