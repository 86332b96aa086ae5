"""Looking at the database again and again, and outliving its absence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from pgconductor.cli.project import Project
from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.inspection import inspect
from pgconductor.store.query import AnyConnection

T = TypeVar("T")


def looks(project: Project, look: Callable[[AnyConnection], T]) -> Iterator[T | DatabaseUnreachable]:
    """What each look finds, one whenever the next is asked for; who asks says how often.

    Once the first has succeeded a database that is away is no end: the error is a look of its own.

    Raises:
        DatabaseUnreachable: at the first look.
    """
    with project.endpoint() as endpoint:
        succeeded = False
        while True:
            try:
                with inspect(endpoint.url) as connection:
                    while True:
                        yield look(connection)
                        succeeded = True
            except DatabaseUnreachable as error:
                if not succeeded:
                    raise
                yield error
