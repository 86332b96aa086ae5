"""`check --database`: what the database lacks for the plan."""

from __future__ import annotations

from pgconductor.cli import codes
from pgconductor.cli.configuration import shown
from pgconductor.cli.project import Project
from pgconductor.config.codes import Code
from pgconductor.config.diagnostic import Diagnostic, Place
from pgconductor.errors import DatabaseError, DestructiveChange
from pgconductor.store.apply import diff


def unapplied(project: Project) -> list[Diagnostic]:
    """What `diff` would say or raise."""
    place = Place(shown(project.path))
    try:
        with project.endpoint() as endpoint:
            found = diff(endpoint.listen_url or endpoint.url, project.plan)
    except DestructiveChange as error:
        return [_of_database(codes.DATABASE_LOSES, error, place)]
    except DatabaseError as error:
        return [_of_database(codes.DATABASE_REFUSES, error, place)]
    help = "`pgconductor apply` does it"
    return [
        Diagnostic(codes.DATABASE_BEHIND.code, f"not applied yet: {change.summary}", place, help)
        for change in found.changes
    ]


def _of_database(code: Code, error: DatabaseError, place: Place) -> Diagnostic:
    message, *notes = (line.strip() for line in str(error).splitlines() if line.strip())
    return Diagnostic(code.code, message, place, notes=tuple(notes))
